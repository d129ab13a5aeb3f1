"""What a user's editor sees: read by mypy and pyright only, nothing here runs.

``tests/codegen/test_checkers.py`` has both read this.  An error that shall be there stands behind
``# type: ignore[…]``: if it ever is none, the checkers complain about the comment.
"""
