"""``--vendor``: the run side and the contract, as files to lie beside a generated module.

In: this installation.  Out: file names and texts, and the name to import them under.  Nothing is
written here.  It works because those parts import each other relatively and nothing else but the
standard library; ``tests/test_layers.py`` and ``tests/test_vendored.py`` hold that.
"""

from __future__ import annotations

import errno
from pathlib import Path

from .. import __version__

#: The folder's name beside the generated module.
FOLDER = "_bpf2py"

#: What a generated module needs at run time.
_PARTS = ("asm", "btf", "enums.py", "light.py", "records.py", "runtime", "spec.py", "uapi")

#: How a folder is recognised as ours before anything in it is replaced or removed.
_MARK = "The run side of bpf2py, copied by `bpf2py gen --vendor`"

_INIT = '''"""{mark}; do not edit.

{licence}"""

__version__ = "{version}"
'''

#: The copy carries the licence, as the licence asks; a test compares it with LICENSE.
LICENCE = """\
MIT License

Copyright (c) 2026 the bpf2py authors

Permission is hereby granted, free of charge, to any person obtaining a copy
of this software and associated documentation files (the "Software"), to deal
in the Software without restriction, including without limitation the rights
to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all
copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
SOFTWARE.
"""


def import_name(directory: Path) -> str:
    """What a module in *directory* imports instead of ``bpf2py``.

    Relative inside a package, because the package may lie anywhere; absolute in a folder of
    scripts, where a relative import fails.
    """
    return f".{FOLDER}" if (directory / "__init__.py").is_file() else FOLDER


def files() -> dict[str, str]:
    """The files of the folder: path inside it with ``/``, and text."""
    root = Path(__file__).parents[1]
    found = {"__init__.py": _INIT.format(mark=_MARK, licence=LICENCE, version=__version__)}
    for part in _PARTS:
        path = root / part
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            found[file.relative_to(root).as_posix()] = file.read_text(encoding="utf-8")
    return found


def require_ours(folder: Path) -> None:
    """:class:`FileExistsError` if *folder* exists and was not written by ``--vendor``."""
    if not folder.exists() or not any(folder.iterdir()):
        return
    try:
        ours = _MARK in (folder / "__init__.py").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        ours = False
    if not ours:
        raise FileExistsError(
            errno.EEXIST, "not a copy made by `bpf2py gen --vendor`; move it away", str(folder)
        )


def left_over(folder: Path) -> list[Path]:
    """Python files in *folder* that an older copy had and this one does not."""
    names = files()
    return [
        path
        for path in sorted(folder.rglob("*.py"))
        if path.relative_to(folder).as_posix() not in names
    ]
