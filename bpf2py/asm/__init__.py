"""BPF instructions as values."""
