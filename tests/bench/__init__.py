"""The benchmark: bpf2py beside libbpf in C and raw ctypes.  Run it with ``make bench``."""
