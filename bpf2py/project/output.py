"""Files that the commands write: whole or not at all, and only when they say something new.

In: paths and text.  Out: files, differences.  Two modules are the same when they differ only in
how zlib compressed their blobs: another zlib gives other text for the same bytes.
"""

from __future__ import annotations

import ast
import difflib
import hashlib
import os
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path

from ..runtime.blob import blob

#: A difference longer than this is cut: it is there to be read.
_MAX_DIFF_LINES = 60


def write_atomically(path: Path, content: str | bytes) -> None:
    """Put *content* at *path*, which at every moment holds the old or the new content, whole.

    Directories are created, a symbolic link is followed, the mode of an existing file is kept.
    """
    target = Path(os.path.realpath(path))
    target.parent.mkdir(parents=True, exist_ok=True)
    data = content.encode() if isinstance(content, str) else content
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        with open(fd, "wb") as file:
            if target.exists():
                os.fchmod(fd, stat.S_IMODE(target.stat().st_mode))
            file.write(data)
            file.flush()
            os.fsync(fd)
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def publish(path: Path, text: str) -> bool:
    """Write *text* to *path* unless it already says the same; whether it was written."""
    if is_current(path, text):
        return False
    write_atomically(path, text)
    return True


def is_current(path: Path, text: str) -> bool:
    """Whether the file at *path* says what *text* says."""
    old = _read(path)
    return old is not None and (old == text or comparable(old) == comparable(text))


def publish_all(
    texts: Mapping[Path, str], objects: Mapping[Path, bytes], stale: Iterable[Path] = ()
) -> list[Path]:
    """Write what says something new, remove the *stale* files; what was written or removed."""
    changed: list[Path] = []
    for path, data in objects.items():
        if not _holds(path, data):
            write_atomically(path, data)
            changed.append(path)
    changed += [path for path, text in texts.items() if publish(path, text)]
    for path in stale:
        path.unlink()
        changed.append(path)
    return changed


def reasons(
    texts: Mapping[Path, str], objects: Mapping[Path, bytes], stale: Iterable[Path] = ()
) -> dict[Path, str]:
    """Each file that is out of date, and why, to be read by people; empty if all is current."""
    found = {
        path: difference(path, text) for path, text in texts.items() if not is_current(path, text)
    }
    for path, data in objects.items():
        if not path.exists():
            found[path] = f"{path}: does not exist"
        elif not _holds(path, data):
            found[path] = (
                f"{path}: the source compiles to another object"
                if path.suffix == ".o"
                else f"{path}: belongs to another build of the module"
            )
    return found | {path: f"{path}: no longer part of the runtime" for path in stale}


def _holds(path: Path, data: bytes) -> bool:
    try:
        return path.read_bytes() == data
    except FileNotFoundError:
        return False


def difference(path: Path, text: str) -> str:
    """A unified diff from the file at *path* to *text*, blobs as digests; empty for no difference."""
    old = _read(path)
    if old == text:
        return ""
    lines = list(
        difflib.unified_diff(
            comparable(old or "").splitlines(),
            comparable(text).splitlines(),
            str(path) if old is not None else os.devnull,
            str(path),
            n=2,
            lineterm="",
        )
    )
    if len(lines) > _MAX_DIFF_LINES:
        rest = len(lines) - _MAX_DIFF_LINES
        lines[_MAX_DIFF_LINES:] = [f"… and {rest} more lines"]
    return "\n".join(lines)


def comparable(source: str) -> str:
    """*source* with each ``blob("…")`` replaced by size and digest of the bytes it stands for.

    Text that is no Python stays as it is.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return source
    lines = source.encode().splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    data = b"".join(lines)
    for call in sorted(_blob_calls(tree), key=_place, reverse=True):
        match call.args:
            case [ast.Constant(value=str(text))]:
                pass
            case _:
                continue
        try:
            content = blob(text)
        except ValueError:
            continue
        assert call.end_lineno is not None
        assert call.end_col_offset is not None
        begin = starts[call.lineno - 1] + call.col_offset
        end = starts[call.end_lineno - 1] + call.end_col_offset
        digest = hashlib.sha256(content).hexdigest()[:16]
        data = data[:begin] + b"blob(%d bytes, %s)" % (len(content), digest.encode()) + data[end:]
    return data.decode()


def _place(node: ast.Call) -> tuple[int, int]:
    return node.lineno, node.col_offset


def _blob_calls(tree: ast.AST) -> list[ast.Call]:
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "blob"
    ]


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        return ""
