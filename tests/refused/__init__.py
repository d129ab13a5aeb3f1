"""Objects that are refused, and what is said then: beside what bpftool says of the same object.

A text per object of ``generated_fixtures/refused``.  ``python -m tests.refused`` writes them anew,
as root, on the running kernel.
"""
