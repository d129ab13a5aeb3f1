"""Which compiler is taken, and what it is told."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from bpf2py.project.compiler import Compiler, find_compiler
from bpf2py.runtime.machine import ARCHITECTURES


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH of one folder, empty so far; no ziglang wheel."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    return folder


def put(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(0o755)


def test_plain_clang_comes_first(programs: Path) -> None:
    put(programs, "clang", "clang-19")
    assert find_compiler() == Compiler(("clang",))


def test_the_newest_numbered_clang_comes_next(programs: Path) -> None:
    put(programs, "clang-14", "clang-19", "clang-9")
    assert find_compiler() == Compiler(("clang-19",))


def test_what_the_user_names_is_taken_as_it_is(programs: Path) -> None:
    put(programs, "clang")
    assert find_compiler("ccache clang-16") == Compiler(("ccache", "clang-16"))
    assert find_compiler("zig cc") == Compiler(("zig", "cc"), is_zig=True)


def test_the_ziglang_wheel_comes_last(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: ModuleSpec(name, None))
    wheel = Compiler((sys.executable, "-m", "ziglang", "cc"), is_zig=True)
    assert find_compiler() == wheel
    put(programs, "clang-16")
    assert find_compiler() == Compiler(("clang-16",))


def test_without_any_there_is_none(programs: Path) -> None:
    assert find_compiler() is None


def arguments(compiler: Compiler, target: str = "bpf", *extra: str) -> list[str]:
    return compiler.arguments(
        Path("src/a.bpf.c"), Path("/x/a.bpf.o"), target=target, architecture="arm64", extra=extra
    )


def test_the_architecture_and_the_users_flags_reach_the_compiler() -> None:
    words = arguments(Compiler(("clang",)), "bpfeb", "-DDEBUG", "-Iinclude")
    assert words[:3] == ["clang", "-target", "bpfeb"]
    assert "-D__TARGET_ARCH_arm64" in words
    assert words.index("-DDEBUG") < words.index("-c")
    assert words[-4:] == ["-c", "src/a.bpf.c", "-o", "/x/a.bpf.o"]


@pytest.mark.parametrize(
    ("target", "triple"),
    [
        ("bpf", f"bpf{'el' if sys.byteorder == 'little' else 'eb'}-freestanding-none"),
        ("bpfeb", "bpfeb-freestanding-none"),
    ],
)
def test_zig_gets_its_own_names_for_targets(target: str, triple: str) -> None:
    assert triple in arguments(Compiler(("zig", "cc"), is_zig=True), target)


def test_the_strip_tool_of_the_same_version_is_taken(programs: Path) -> None:
    put(programs, "llvm-strip", "llvm-strip-16")
    numbered = Compiler(("clang-16",)).strip_command(Path("a.o"))
    assert numbered == [str(programs / "llvm-strip-16"), "--strip-debug", "a.o"]
    plain = Compiler(("clang",)).strip_command(Path("a.o"))
    assert plain == [str(programs / "llvm-strip"), "--strip-debug", "a.o"]


def test_without_a_strip_tool_nothing_is_stripped(programs: Path) -> None:
    assert Compiler(("clang",)).strip_command(Path("a.o")) is None


def test_every_architecture_is_one_that_libbpf_knows() -> None:
    header = Path("/usr/include/bpf/bpf_tracing.h")
    if not header.exists():
        pytest.skip("libbpf's headers are not installed (libbpf-dev)")
    text = header.read_text(encoding="utf-8")
    # bpf_tracing.h knows LoongArch since libbpf 1.2
    for name in set(ARCHITECTURES.values()) - {"loongarch"}:
        assert f"__TARGET_ARCH_{name})" in text


@pytest.mark.parametrize("name", ["clang", "clang-19", "clang-16", "clang-14"])
def test_objects_do_not_depend_on_the_folder(name: str, tmp_path: Path) -> None:
    compiler = find_compiler(name)
    assert compiler is not None
    source = (
        "struct { int (*type)[27]; int (*max_entries)[4096]; } ring"
        ' __attribute__((section(".maps"), used));\n'
        '__attribute__((section("socket"), used)) int f(void *ctx) { return 0; }\n'
    )
    contents = []
    for folder in (tmp_path / "a", tmp_path / "elsewhere" / "b"):
        folder.mkdir(parents=True)
        (folder / "x.bpf.c").write_text(source)
        words = compiler.arguments(
            folder / "x.bpf.c", folder / "x.bpf.o", target="bpfel", architecture="x86", extra=()
        )
        try:
            subprocess.run(words, check=True)
        except FileNotFoundError:
            pytest.skip(f"{name} is not installed")
        contents.append((folder / "x.bpf.o").read_bytes())
    assert contents[0] == contents[1]
    assert str(tmp_path).encode() not in contents[0]
