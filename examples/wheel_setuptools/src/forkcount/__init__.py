"""Counts the processes and threads that are started."""
