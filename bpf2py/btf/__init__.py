"""BTF as values: bytes in, values out; no files, no system calls."""
