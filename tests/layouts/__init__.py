"""The layout oracle: random C types, of which C itself reads and writes the bytes.

``c_types`` makes the types (hypothesis), ``c_source`` writes them as C, ``build`` compiles that for
BPF and for this machine, ``check`` compares.  ``python -m tests.layouts`` is the large run.
"""
