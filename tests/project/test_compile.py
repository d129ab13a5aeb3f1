"""What the compiler says becomes one line with the user's place, and advice."""

from __future__ import annotations

from pathlib import Path

import pytest

from bpf2py.project import CompileError, compile, mend
from bpf2py.project.compile import dependencies, require_compiler, summary
from tests.project.builds import HAS_COMPILER

IN_A_HEADER = """\
In file included from bpf/a.bpf.c:3:
In file included from bpf/mine.h:1:
/usr/include/deep.h:7:38: error: use of undeclared identifier 'missing'
static inline int bad(void) { return missing; }
                                     ^
bpf/a.bpf.c:9:29: error: no member named 'nope' in 'struct s'
2 errors generated.
"""
WARNED_BEFORE = """\
In file included from bpf/a.bpf.c:3:
bpf/mine.h:1:5: warning: unused variable 'x'
bpf/a.bpf.c:9:29: error: no member named 'nope' in 'struct s'.
"""


@pytest.mark.parametrize(
    ("said", "line"),
    [
        (
            IN_A_HEADER,
            "/usr/include/deep.h:7: use of undeclared identifier 'missing'"
            " (included from bpf/a.bpf.c:3) (and 1 more)",
        ),
        (WARNED_BEFORE, "bpf/a.bpf.c:9: no member named 'nope' in 'struct s'"),
        ("a.c:1:10: fatal error: 'x.h' file not found\n", "a.c:1: 'x.h' file not found"),
        (
            "error: unknown target triple 'bpf'\n",
            "a.c does not compile: unknown target triple 'bpf'",
        ),
        ("Segmentation fault\n", "a.c does not compile"),
    ],
)
def test_the_first_error_is_the_summary(said: str, line: str) -> None:
    assert summary(said, Path("a.c")) == line


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("error: unknown target CPU 'v4'", mend.CLANG_FOR_CPU),
        ("fatal error: 'bpf/bpf_helpers.h' file not found", mend.LIBBPF),
        ("fatal error: 'bpf_core_read.h' file not found", mend.LIBBPF),
        ("fatal error: 'asm/types.h' file not found", mend.KERNEL_HEADERS),
        ("fatal error: 'linux/bpf.h' file not found", mend.KERNEL_HEADERS),
        ("fatal error: 'vmlinux.h' file not found", mend.VMLINUX),
        ("fatal error: 'gnu/stubs-32.h' file not found", mend.C_LIBRARY),
        ("error: unknown target triple 'bpf'", mend.CLANG_FOR_BPF),
        ("No available targets are compatible with triple", mend.CLANG_FOR_BPF),
        ("error: symbol 'license' is already defined", mend.LICENSE),
        ("error: Looks like the BPF stack limit is exceeded.", mend.STACK),
    ],
)
def test_what_is_missing_has_its_advice(said: str, expected: mend.Mend) -> None:
    assert mend.hint(said) == str(expected)


def test_what_is_simply_wrong_has_none() -> None:
    assert mend.hint("a.c:1:2: error: 'mine.h' file not found") == ""


@pytest.mark.parametrize(
    "what", [mend.CLANG, mend.CLANG_FOR_BPF, mend.LIBBPF, mend.KERNEL_HEADERS, mend.KERNEL_BTF]
)
def test_every_distribution_has_its_command(what: mend.Mend) -> None:
    lines = [line.split(":", 1) for line in str(what).splitlines()[1:4]]
    commands = {name.strip(): command.split()[:3] for name, command in lines}
    assert commands == {
        "Debian, Ubuntu": ["sudo", "apt-get", "install"],
        "Fedora": ["sudo", "dnf", "install"],
        "Alpine": ["sudo", "apk", "add"],
    }


def test_a_missing_kernel_btf_says_which_kernels_have_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compile, "_VMLINUX", tmp_path / "vmlinux")
    with pytest.raises(CompileError) as caught:
        compile.write_vmlinux(tmp_path / "vmlinux.h")
    assert caught.value.hint == str(mend.KERNEL_BTF)
    assert not (tmp_path / "vmlinux.h").exists()


def test_a_missing_compiler_says_how_to_install_one() -> None:
    with pytest.raises(CompileError, match="no-such-clang: no such compiler") as caught:
        compile.version(require_compiler("no-such-clang"))
    assert caught.value.hint == str(mend.CLANG)


@pytest.mark.skipif(not HAS_COMPILER, reason="no clang is installed, and no ziglang")
def test_names_of_headers_survive_the_syntax_of_make(tmp_path: Path) -> None:
    names = ["plain.h", "with space.h", "cash$.h", "ha#sh.h", "dir/deep.h"]
    (tmp_path / "dir").mkdir()
    for name in names:
        (tmp_path / name).write_text("/* empty */\n")
    source = "".join(f'#include "{name}"\n' for name in names)
    (tmp_path / "x.bpf.c").write_text(source + "int x;\n")
    compile.compile_source(
        require_compiler(),
        Path("x.bpf.c"),
        tmp_path / "x.bpf.o",
        target="bpf",
        architecture="x86",
        extra=("-MD", "-MF", "x.d"),
        cwd=tmp_path,
    )
    found = {str(path).removeprefix("./") for path in dependencies(tmp_path / "x.d")}
    assert found == {"x.bpf.c", *names}
