"""bpf2py: compiled BPF objects as typed Python modules.

Nothing is imported here: a generated module pays only for ``bpf2py.runtime``.
"""

__version__ = "0.1.0"
