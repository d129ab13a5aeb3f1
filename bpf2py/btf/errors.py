"""What goes wrong with BTF: always one class, always with a place."""

from __future__ import annotations


class BTFError(ValueError):
    """BTF that cannot be read: *what* was being read, and at which byte of the blob."""

    def __init__(self, what: str, offset: int = 0) -> None:
        super().__init__(f"bad BTF at byte {offset}: {what}")
        self.what = what
        self.offset = offset


class UnknownTypeError(ValueError):
    """Types asked for by names that the BTF does not have; ``hint`` has the nearest names."""

    def __init__(self, what: str, *, hint: str = "") -> None:
        super().__init__(what)
        self.hint = hint
