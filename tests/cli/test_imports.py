"""What each command imports: its start is most of what a quick command costs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OBJECT = ROOT / "examples" / "opensnoop" / "opensnoop.bpf.o"

#: Runs the command, then says which modules are there.
CODE = """
import sys
from bpf2py.__main__ import main
try:
    main()
finally:
    print(*sys.modules, file=sys.stderr)
"""

BUILD_PACKAGES = frozenset({"black", "elftools", "jinja2", "mypy", "rich"})
#: Slow, and of use to few commands.
SLOW = frozenset(
    {
        "asyncio",
        "concurrent.futures",
        "importlib.metadata",
        "multiprocessing",
        "socket",
        "tomllib",
    }
)


def imported(tmp_path: Path, *arguments: object, status: int = 0) -> frozenset[str]:
    """The modules that ``bpf2py`` with *arguments* had imported at its end."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", CODE, *map(str, arguments)],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(tmp_path / "cache"), "PATH": "/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == status, done.stderr
    return frozenset(done.stderr.splitlines()[-1].split())


def test_help_imports_no_package_but_click_and_no_room(tmp_path: Path) -> None:
    found = imported(tmp_path, "--help")
    assert "click" in found
    assert found & (BUILD_PACKAGES | SLOW) == set()
    assert {name for name in found if name.startswith("bpf2py.")} == {
        "bpf2py.__main__",
        "bpf2py.cli",
        "bpf2py.cli.main",
    }


@pytest.mark.parametrize("command", ["build", "gen", "inspect", "link", "min-btf", "vmlinux"])
def test_help_of_a_command_imports_none_of_the_build_packages(tmp_path: Path, command: str) -> None:
    assert imported(tmp_path, command, "--help") & BUILD_PACKAGES == set()


def test_generating_imports_neither_rich_nor_black(tmp_path: Path) -> None:
    found = imported(tmp_path, "gen", "-o", tmp_path, OBJECT)
    assert {"elftools", "jinja2"} <= found
    assert found & (SLOW | {"black", "mypy", "rich"}) == set()
    assert "elftools.dwarf.dwarfinfo" not in found


def test_inspecting_imports_no_generator(tmp_path: Path) -> None:
    document = imported(tmp_path, "inspect", "--json", OBJECT)
    assert document & (SLOW | {"black", "jinja2", "mypy", "rich"}) == set()
    assert imported(tmp_path, "inspect", OBJECT) & {"black", "jinja2", "mypy"} == set()


@pytest.mark.skipif(
    not Path("/sys/kernel/btf/vmlinux").exists(), reason="this kernel has no BTF to read"
)
def test_kernel_headers_and_reduced_btf_import_no_generator(tmp_path: Path) -> None:
    header = imported(tmp_path, "vmlinux", "-o", tmp_path / "vmlinux.h", "--types", "list_head")
    assert header & (SLOW | BUILD_PACKAGES) == set()
    kernel = ("--btf", "/sys/kernel/btf/vmlinux", "-o", tmp_path / "small.btf")
    reduced = imported(tmp_path, "min-btf", OBJECT, *kernel)
    assert reduced & (SLOW | BUILD_PACKAGES - {"elftools"}) == set()
