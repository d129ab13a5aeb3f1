"""Counts how often each CPU goes from one task to another."""
