"""The kernel's doors: one file per family of ``bpf(2)`` commands, plain values in and out.

Nothing here decides anything; ``bpf.py`` is the only place that enters the kernel through ``bpf(2)``.
"""
