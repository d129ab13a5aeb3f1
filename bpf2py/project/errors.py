"""What can be wrong with a project; each error's text is for people, ``hint`` says what to do."""

from __future__ import annotations


class ConfigError(ValueError):
    """``[tool.bpf2py]`` says what cannot be: the key, what is wrong with it, what is allowed."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class CompileError(RuntimeError):
    """A source has no object: it does not compile, or something to compile it with is missing.

    The text is one line with the place in the user's C; ``diagnostics`` is all that the compiler
    said, as it said it.
    """

    def __init__(self, message: str, *, diagnostics: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.diagnostics = diagnostics
        self.hint = hint
