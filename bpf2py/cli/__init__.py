"""The ``bpf2py`` command: gen, build, inspect.

A file per command; :mod:`.main` holds what they share.  Nothing is decided here that a library
caller could want: the commands read options, call ``elf``, ``codegen`` and ``btf``, and print.
"""
