"""``bpf2py build``, with each compiler that is there."""

from __future__ import annotations

import ast
import importlib.util
import shutil
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bpf2py.cli.main import cli
from bpf2py.elf import read_object_file
from bpf2py.project import compile, compiler

ZIGLANG = f"{sys.executable} -m ziglang cc"

needs_headers = pytest.mark.skipif(
    not Path("/usr/include/bpf/bpf_helpers.h").exists(),
    reason="libbpf's headers are not installed (libbpf-dev)",
)

SOURCE = """\
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct event {
	__u32 pid;
	char comm[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
	__type(value, struct event);
} events SEC(".maps");

const volatile __u32 wanted = 5;

SEC("tracepoint/syscalls/sys_enter_openat")
int enter(void *ctx)
{
	struct event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);

	if (!event)
		return 0;
	event->pid = wanted;
	bpf_get_current_comm(event->comm, sizeof(event->comm));
	bpf_ringbuf_submit(event, 0);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
"""


@pytest.fixture(
    params=["clang", "clang-14", "clang-16", "clang-19", ZIGLANG], ids=lambda x: x[-12:]
)
def cc(request: pytest.FixtureRequest) -> str:
    """Each compiler that is installed; the others skip."""
    name = str(request.param)
    if name == ZIGLANG:
        if not importlib.util.find_spec("ziglang"):
            pytest.skip("ziglang is not installed")
    elif not shutil.which(name):
        pytest.skip(f"{name} is not installed")
    return name


@pytest.fixture
def any_cc() -> str:
    """One compiler, whichever the command would take."""
    found = compiler.find_compiler()
    if found is None:
        pytest.skip("no clang is installed, and no ziglang")
    return " ".join(found.words)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "look.bpf.c"
    path.write_text(SOURCE)
    return path


def build(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["build", *map(str, arguments)])


@needs_headers
def test_a_source_becomes_an_object_and_a_module(cc: str, source: Path) -> None:
    result = build(source, "--cc", cc)
    assert result.exit_code == 0, result.output
    spec = read_object_file(source.with_suffix(".o"))
    assert list(spec.programs) == ["enter"]
    assert list(spec.maps) == ["events", ".rodata"]
    text = (source.parent / "look_bpf.py").read_text()
    assert "runtime.RingBuf(" in text
    ast.parse(text)
    names = sorted(path.name for path in source.parent.iterdir())
    assert names == ["look.bpf.c", "look.bpf.o", "look_bpf.py"]


@needs_headers
@pytest.mark.parametrize(("target", "order"), [("bpfel", "little"), ("bpfeb", "big")])
def test_the_byte_order_can_be_chosen(cc: str, source: Path, target: str, order: str) -> None:
    result = build(source, "--cc", cc, "--target", target)
    assert result.exit_code == 0, result.output
    assert read_object_file(source.with_suffix(".o")).byte_order == order


@needs_headers
def test_the_same_source_elsewhere_gives_the_same_object(any_cc: str, source: Path) -> None:
    other = source.parent / "deeper" / "folder" / source.name
    other.parent.mkdir(parents=True)
    shutil.copy(source, other)
    assert build(source, other, "--cc", any_cc).exit_code == 0
    assert source.with_suffix(".o").read_bytes() == other.with_suffix(".o").read_bytes()


@needs_headers
def test_check_compares_object_and_module(any_cc: str, source: Path) -> None:
    assert build(source, "--cc", any_cc, "--check").exit_code == 1
    assert not source.with_suffix(".o").exists()
    assert build(source, "--cc", any_cc).exit_code == 0
    assert build(source, "--cc", any_cc, "--check").exit_code == 0
    source.write_text(SOURCE.replace("wanted = 5", "wanted = 6"))
    result = build(source, "--cc", any_cc, "--check")
    assert result.exit_code == 1
    assert "compiles to another object" in result.stdout
    assert "look_bpf.py" in result.stderr


@needs_headers
def test_flags_reach_the_compiler(any_cc: str, source: Path) -> None:
    source.write_text(SOURCE.replace("wanted = 5", "wanted = WANTED"))
    assert build(source, "--cc", any_cc).exit_code == 1
    assert build(source, "--cc", any_cc, "--cflag=-DWANTED=9").exit_code == 0
    rodata = read_object_file(source.with_suffix(".o")).maps[".rodata"].data
    assert rodata is not None
    assert rodata[0] == 9


@needs_headers
def test_make_can_be_told_what_an_object_depends_on(any_cc: str, source: Path) -> None:
    (source.parent / "mine.h").write_text("/* empty */\n")
    source.write_text('#include "mine.h"\n' + SOURCE)
    depfile = source.parent / "deps.mk"
    result = build(source, "--cc", any_cc, "--depfile", depfile)
    assert result.exit_code == 0, result.output
    rule = depfile.read_text().replace("\\\n", " ")
    targets, _, needs = rule.partition(": ")
    assert targets.split() == [str(source.with_suffix(".o")), str(source.parent / "look_bpf.py")]
    assert {str(source), str(source.parent / "mine.h")} <= set(needs.split())


@needs_headers
def test_an_error_in_c_is_shown_as_the_compiler_says_it(any_cc: str, source: Path) -> None:
    assert build(source, "--cc", any_cc).exit_code == 0
    before = {path: path.read_bytes() for path in source.parent.iterdir() if path != source}
    source.write_text(SOURCE.replace("event->pid = wanted;", "event->pidd = wanted;"))
    result = build(source, "--cc", any_cc)
    assert result.exit_code == 1
    assert "look.bpf.c:24:9: error: no member named 'pidd' in 'struct event'" in result.stderr
    assert "event->pidd = wanted;" in result.stderr
    assert result.stderr.splitlines()[-1].startswith(
        f"Error: {source}:24: no member named 'pidd' in 'struct event'"
    )
    assert {path: path.read_bytes() for path in source.parent.iterdir() if path != source} == before


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ('#include "vmlinux.h"\n', "Hint: --vmlinux writes vmlinux.h"),
        (
            'char license[] __attribute__((section("license"), used)) = "GPL";\n',
            "Hint: a variable cannot have the name of its section",
        ),
    ],
)
def test_what_often_goes_wrong_is_explained(
    any_cc: str, tmp_path: Path, text: str, hint: str
) -> None:
    source = tmp_path / "x.bpf.c"
    source.write_text(text)
    result = build(source, "--cc", any_cc)
    assert result.exit_code == 1
    assert hint in result.stderr


@needs_headers
@pytest.mark.skipif(
    not Path("/sys/kernel/btf/vmlinux").exists(), reason="this kernel carries no BTF"
)
def test_vmlinux_h_of_the_running_kernel_can_be_written_and_included(
    any_cc: str, tmp_path: Path
) -> None:
    source = tmp_path / "x.bpf.c"
    source.write_text(
        '#include "vmlinux.h"\n#include <bpf/bpf_helpers.h>\n#include <bpf/bpf_core_read.h>\n'
        'SEC("raw_tp/sched_switch") int f(void *ctx)\n{\n'
        "\tstruct task_struct *task = (void *)bpf_get_current_task();\n"
        '\treturn BPF_CORE_READ(task, tgid);\n}\nchar LICENSE[] SEC("license") = "GPL";\n'
    )
    result = build(source, "--cc", any_cc, "--vmlinux")
    assert result.exit_code == 0, result.output
    spec = read_object_file(source.with_suffix(".o"))
    assert len(spec.programs["f"].core_relocations) == 16
    header = tmp_path / "vmlinux.h"
    header.write_text(header.read_text() + "/* mine */\n")
    assert build(source, "--cc", any_cc, "--vmlinux").exit_code == 0
    assert header.read_text().endswith("/* mine */\n")


def test_without_a_compiler_the_commands_to_install_one_are_shown(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compile, "find_compiler", lambda named: None)
    result = build(source)
    assert result.exit_code == 1
    for command in ("apt-get install", "dnf install", "apk add", "pip install ziglang"):
        assert command in result.stderr


def test_an_object_is_not_compiled_again(any_cc: str, source: Path) -> None:
    compiled = source.with_suffix(".o")
    compiled.write_bytes(b"\x7fELF and more")
    result = CliRunner().invoke(cli, ["build", "--cc", any_cc, str(compiled)])
    assert result.exit_code == 1
    assert result.stderr == f"Error: {compiled}: compiled already\nHint: bpf2py gen {compiled}\n"


def test_a_compiler_that_does_not_exist_is_named(source: Path) -> None:
    result = build(source, "--cc", "no-such-clang")
    assert result.exit_code == 1
    assert "no-such-clang: no such compiler" in result.stderr
    assert "Traceback" not in result.output
