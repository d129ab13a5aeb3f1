"""Compiled objects and the modules generated from them, checked in."""
