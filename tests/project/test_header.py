"""``bpf2py.h``: found without being told, with every compiler; says what the generator understands."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from bpf2py.btf import decode
from bpf2py.btf.types import DeclTag
from bpf2py.cli.main import cli
from bpf2py.codegen import generate
from bpf2py.codegen.views import VIEWS
from bpf2py.elf import ObjectError, read_object
from bpf2py.project import INCLUDE_FOLDER, State, Status, build, load
from bpf2py.project import compiler as compiler_module
from bpf2py.project.compile import compile_source
from bpf2py.project.compiler import Compiler, find_compiler
from bpf2py.spec import ObjectSpec
from tests.project.builds import project

HEADER = INCLUDE_FOLDER / "bpf2py.h"
MACROS = re.findall(
    r'^#define (bpf2py_\w+)(\(NAME\))? BPF2PY_VIEW\("(\w+)', HEADER.read_text(), re.M
)

#: Needs no other header.
SOURCE = """\
#include <bpf2py.h>
typedef unsigned int u32;
enum color { COLOR_RED = 1, COLOR_BLUE = 2 };
BPF2PY_TYPE(enum color);
struct event { u32 saddr bpf2py_ipv4; unsigned char color bpf2py_flags(color); };
struct {
	int (*type)[27];
	int (*max_entries)[4096];
} events __attribute__((section(".maps"), used));
BPF2PY_EVENT(events, struct event);
BPF2PY_TYPE(u32[4]);
u32 target bpf2py_ipv4 = 5;
__attribute__((section("socket"), used)) int look(void *context)
{
	return context && target ? COLOR_RED : COLOR_BLUE;
}
char LICENSE[] __attribute__((section("license"), used)) = "GPL";
"""


@pytest.fixture(params=["clang", "clang-14", "clang-16", "clang-19", "ziglang"])
def compiler(request: pytest.FixtureRequest) -> Compiler:
    """Each compiler that is installed; the others skip."""
    if request.param != "ziglang":
        if not shutil.which(request.param):
            pytest.skip(f"{request.param} is not installed")
        return Compiler((request.param,))
    return zig()


def zig() -> Compiler:
    ziglang = pytest.importorskip("ziglang", reason="ziglang is not installed")
    return Compiler((str(Path(ziglang.__file__).with_name("zig")), "cc"), is_zig=True)


def compiled(compiler: Compiler, folder: Path, text: str) -> ObjectSpec:
    source, result = folder / "look.bpf.c", folder / "look.bpf.o"
    source.write_text(text)
    extra = ("-Wall", "-Wextra", "-Werror")
    compile_source(compiler, source, result, target="bpf", architecture="x86", extra=extra)
    return read_object(result.read_bytes(), name="look")


def test_every_view_has_a_macro_and_every_macro_a_view() -> None:
    assert {view for _, _, view in MACROS} == VIEWS.keys()
    assert {name.removeprefix("bpf2py_") for name, _, _ in MACROS} == VIEWS.keys()


def test_what_the_header_says_is_understood(compiler: Compiler, tmp_path: Path) -> None:
    spec = compiled(compiler, tmp_path, SOURCE)
    text = generate(spec)
    assert "    saddr: codec.IPv4Address = " in text
    assert "class Color(enum.IntFlag, boundary=enum.KEEP):" in text
    assert 'runtime.RingBuf(loaded.map("events"), codec.of(Event))' in text
    assert "target = runtime.Variable(codec.IPV4, 0)" in text
    assert "bpf2py_" not in text.partition("# ---- the description")[0]
    assert list(spec.maps) == ["events", ".data"]


def test_each_macro_is_the_tag_of_its_view(tmp_path: Path) -> None:
    lines = [
        f"int {name}_ {name}{'(NAME)'.replace('NAME', 'color') if argument else ''};"
        for name, argument, _ in MACROS
    ]
    found = find_compiler()
    if found is None:
        pytest.skip("no clang is installed, and no ziglang")
    spec = compiled(
        found, tmp_path, SOURCE.replace("u32 target", "\n".join([*lines, "u32 target"]))
    )
    assert spec.btf is not None
    table = decode(spec.btf)
    tags = {
        table.name(tag.target): tag.name
        for tag in (table[type_id] for type_id in table)
        if isinstance(tag, DeclTag) and tag.component < 0
    }
    del tags["target"]
    assert tags == {
        f"{name}_": f"bpf2py:{view}{':color' if argument else ''}"
        for name, argument, view in MACROS
    }


@pytest.mark.parametrize(
    ("map_name", "message"),
    [("nothing", "map 'nothing' is not in the object"), ("counts", "'counts' is no ring buffer")],
)
def test_events_of_what_carries_none_are_refused(
    tmp_path: Path, map_name: str, message: str
) -> None:
    found = find_compiler()
    if found is None:
        pytest.skip("no clang is installed, and no ziglang")
    more = (
        "struct { int (*type)[2]; int *key; int *value; int (*max_entries)[1]; } counts"
        ' __attribute__((section(".maps"), used));\n'
        f"BPF2PY_EVENT({map_name}, struct event);\n"
    )
    with pytest.raises(ObjectError, match=rf"BPF2PY_EVENT\({map_name}, …\): .*{message}"):
        compiled(found, tmp_path, SOURCE + more)


def test_a_compiler_without_declaration_tags_takes_the_same_source(tmp_path: Path) -> None:
    if not shutil.which("gcc"):
        pytest.skip("gcc is not installed")
    source = tmp_path / "look.c"
    source.write_text(SOURCE)
    folder = CliRunner().invoke(cli, ["include"]).stdout.strip()
    assert Path(folder, "bpf2py.h").is_file()
    gcc = ["gcc", "-Wall", "-Wextra", "-Werror", f"-I{folder}", "-fsyntax-only", str(source)]
    subprocess.run(gcc, check=True)


def test_a_project_finds_the_header_and_is_made_again_when_it_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if find_compiler() is None:
        pytest.skip("no clang is installed, and no ziglang")
    own = tmp_path / "include"
    shutil.copytree(INCLUDE_FOLDER, own)
    monkeypatch.setattr(compiler_module, "INCLUDE_FOLDER", own)
    config = 'sources = ["bpf/*.bpf.c"]\nviews = { "event.color" = "none" }\n'
    config += "strip-enum-prefix = true\n"
    (tmp_path / "project").mkdir()
    folder = project(tmp_path / "project", config, look=SOURCE)
    os.utime(folder / "bpf" / "look.bpf.c", (0, 0))  # not written this very moment

    def made() -> Status:
        state = State(tmp_path / "state.json", folder)
        (outcome,) = build(load(folder / "pyproject.toml"), state=state)
        return outcome.status

    module = folder / "bpf" / "look_bpf.py"
    assert made() == Status.WRITTEN
    text = module.read_text()
    assert "    saddr: codec.IPv4Address = " in text
    assert "    color: int = 0" in text
    assert "    RED = 1\n" in text
    assert made() == Status.UNCHANGED
    header = own / "bpf2py.h"
    header.write_text(header.read_text().replace('BPF2PY_VIEW("ipv4")', ""))
    assert made() == Status.WRITTEN
    assert "    saddr: int = 0" in module.read_text()
