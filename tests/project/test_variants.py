"""Which objects are compiled of one source, what they are called, what a name says."""

from __future__ import annotations

import ast
import importlib.util
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bpf2py.cli import left_out
from bpf2py.cli.gen import Options
from bpf2py.cli.main import cli
from bpf2py.elf import read_object_file
from bpf2py.hooks import generate
from bpf2py.project import ConfigError, Status, build, kept, load, state
from bpf2py.project.modules import ObjectFile
from bpf2py.project.variants import Build, arch_in_name, builds, split_arch, version_in_name
from tests.project.builds import HAS_COMPILER, ROOT, SOURCE, project

FIXTURES = ROOT / "generated_fixtures"
OBJECTS = sorted(FIXTURES.glob("variants*.bpf.o"))

needs_compiler = pytest.mark.skipif(
    not HAS_COMPILER, reason="no clang is installed, and no ziglang"
)

#: Reads a register, as tracing programs do; another one on each architecture.
REGISTERS = """\
#ifdef __TARGET_ARCH_x86
struct pt_regs { unsigned long r15, di, si; };
#define FIRST(ctx) ((ctx)->di)
#else
struct user_pt_regs { unsigned long regs[31], sp; };
#define pt_regs user_pt_regs
#define FIRST(ctx) ((ctx)->regs[0])
#endif
__attribute__((section("kprobe/do_exit"), used)) int look(struct pt_regs *ctx)
{
	return FIRST(ctx) == 3;
}
char LICENSE[] __attribute__((section("license"), used)) = "GPL";
"""


@pytest.mark.parametrize(
    ("targets", "archs", "cpus", "names"),
    [
        ([], [], [], ["x.bpf.o"]),
        (["bpfeb"], ["s390"], ["v3"], ["x.bpf.o"]),
        (["bpfel", "bpfeb"], [], [], ["x.el.bpf.o", "x.eb.bpf.o"]),
        ([], ["x86", "arm64"], [], ["x.x86.bpf.o", "x.arm64.bpf.o"]),
        ([], [], ["v2", "v4"], ["x.v2.bpf.o", "x.v4.bpf.o"]),
        (
            ["bpfel", "bpfeb"],
            ["x86", "s390", "arm64"],
            [],
            ["x.el.x86.bpf.o", "x.eb.s390.bpf.o", "x.el.arm64.bpf.o", "x.eb.arm64.bpf.o"],
        ),
        ([], ["x86", "s390"], ["v1", "v2"], ["x.x86.v1.bpf.o", "x.x86.v2.bpf.o", "x.s390.v1.bpf.o", "x.s390.v2.bpf.o"]),
        (["bpfel", "bpfel"], [], [], ["x.bpf.o"]),
    ],
)  # fmt: skip
def test_every_combination_that_exists_has_an_object(
    targets: list[str], archs: list[str], cpus: list[str], names: list[str]
) -> None:
    found = builds(targets, archs, cpus)
    assert [each.object_name(Path("a/x.bpf.c")) for each in found] == names


def test_an_architecture_has_its_byte_order() -> None:
    assert [each.target for each in builds((), ("x86", "s390", "arm64"))] == [
        "bpfel",
        "bpfeb",
        "bpfel",
    ]
    assert builds((), ("s390",)) == (Build("bpfeb", "s390"),)
    with pytest.raises(ValueError, match="no Linux on x86 has the byte order bpfeb"):
        builds(("bpfeb",), ("x86",))


@pytest.mark.parametrize(
    ("name", "arch", "version"),
    [
        ("x.bpf.o", "", 0),
        ("x_bpfel.o", "", 0),
        ("x_x86_bpfel.o", "x86", 0),
        ("x_bpfeb_s390.o", "s390", 0),
        ("x.arm64.v4.bpf.o", "arm64", 4),
        ("x.eb.bpf.o", "", 0),
        ("my_arm64.bpf.o", "", 0),
        ("v2.bpf.o", "", 0),
        ("x86.bpf.o", "", 0),
    ],
)
def test_a_name_says_what_an_object_is_for(name: str, arch: str, version: int) -> None:
    assert (arch_in_name(Path("x86.v3", name)), version_in_name(Path(name))) == (arch, version)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("x86=a.o", ("x86", "a.o")),
        ("a.o", ("", "a.o")),
        ("a=b.o", ("", "a=b.o")),
        ("arm64=b/*.o", ("arm64", "b/*.o")),
    ],
)
def test_an_architecture_may_be_said_before_a_file(text: str, parts: tuple[str, str]) -> None:
    assert split_arch(text) == parts


# ---- the commands ----


def command(*words: str | Path) -> Result:
    return CliRunner().invoke(cli, list(map(str, words)))


def functions(module: Path) -> list[str]:
    """What the docstrings of a module's descriptions say."""
    return [
        ast.get_docstring(node) or ""
        for node in ast.parse(module.read_text()).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("_object_spec")
    ]


def test_gen_makes_one_module_of_several_objects(tmp_path: Path) -> None:
    result = command("gen", *OBJECTS, "--as-one", "variants", "-o", tmp_path)
    assert result.exit_code == 0, result.output
    assert result.stdout == f"{tmp_path}/variants_bpf.py: written\n"
    assert (tmp_path / "variants_bpf.py").read_text() == (FIXTURES / "variants_bpf.py").read_text()


def test_gen_is_told_architectures(tmp_path: Path) -> None:
    some = FIXTURES / "minimal.bpf.o"
    result = command("gen", f"x86={some}", f"arm64={some}", "--as-one", "tool", "-o", tmp_path)
    assert result.exit_code == 0, result.output
    assert functions(tmp_path / "tool_bpf.py") == [
        "little-endian x86 v1: ``minimal.bpf.o``.",
        "little-endian arm64 v1: ``minimal.bpf.o``.",
    ]
    alone = command("gen", f"arm64={some}", "-o", tmp_path)
    assert alone.exit_code == 0, alone.output
    assert 'arch="arm64"' in (tmp_path / "minimal_bpf.py").read_text()


@pytest.mark.parametrize("name", ["../x", "a.b", "1 2"])
def test_what_several_objects_are_called_is_a_name(tmp_path: Path, name: str) -> None:
    result = command("gen", *OBJECTS, "--as-one", name, "-o", tmp_path / "out")
    assert result.exit_code == 1
    assert f"{name!r} cannot be what several objects are called" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_objects_that_are_not_of_one_source_are_refused_in_one_line(tmp_path: Path) -> None:
    two = [FIXTURES / "minimal.bpf.o", FIXTURES / "globals.eb.bpf.o"]
    result = command("gen", *two, "--as-one", "both", "-o", tmp_path)
    assert result.exit_code == 1
    assert result.stderr.startswith(
        "Error: minimal.bpf.o and globals.eb.bpf.o cannot be one module:"
    )
    assert len(result.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_gen_writes_and_checks_a_file_beside_the_module(tmp_path: Path) -> None:
    words = ("gen", FIXTURES / "globals.bpf.o", "-o", tmp_path, "--sidecar")
    beside = tmp_path / "globals_bpf.bin"
    assert command(*words).stdout == (f"{tmp_path}/globals_bpf.py: written\n{beside}: written\n")
    assert command(*words, "--check").exit_code == 0
    assert "unchanged" in command(*words).stdout
    beside.write_bytes(beside.read_bytes() + b"\0")
    result = command(*words, "--check")
    assert (result.exit_code, result.stdout) == (
        1,
        f"{beside}: belongs to another build of the module\n",
    )
    beside.unlink()
    assert f"{beside}: does not exist" in command(*words, "--check").stdout
    assert command(*words).exit_code == 0
    assert command(*words, "--check").exit_code == 0


def test_a_file_that_a_module_has_no_more_is_removed(tmp_path: Path) -> None:
    words = ("gen", FIXTURES / "globals.bpf.o", "-o", tmp_path)
    module, beside = tmp_path / "globals_bpf.py", tmp_path / "globals_bpf.bin"
    beside.write_bytes(b"somebody else's")
    assert command(*words).exit_code == 0
    assert beside.exists()
    assert command(*words, "--sidecar").exit_code == 0
    checked = command(*words, "--check")
    assert checked.exit_code == 1
    assert f"{beside}: no longer part of the module" in checked.stdout
    assert beside.exists()
    assert command(*words).stdout == f"{module}: written\n{beside}: removed\n"
    assert not beside.exists()
    assert command(*words, "--check").exit_code == 0


def test_a_project_removes_the_file_beside_a_module(tmp_path: Path) -> None:
    (tmp_path / "globals.bpf.o").write_bytes((FIXTURES / "globals.bpf.o").read_bytes())
    project(tmp_path, 'objects = ["*.bpf.o"]\nsidecar = true\n')
    assert made(tmp_path) == {"globals_bpf.py": Status.WRITTEN}
    assert (tmp_path / "globals_bpf.bin").exists()
    project(tmp_path, 'objects = ["*.bpf.o"]\n')
    assert made(tmp_path, check=True) == {"globals_bpf.py": Status.OUTDATED}
    assert made(tmp_path) == {"globals_bpf.py": Status.WRITTEN}
    assert not (tmp_path / "globals_bpf.bin").exists()
    assert made(tmp_path) == {"globals_bpf.py": Status.UNCHANGED}


def test_another_generator_makes_a_project_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "globals.bpf.o").write_bytes((FIXTURES / "globals.bpf.o").read_bytes())
    project(tmp_path, 'objects = ["*.bpf.o"]\n')
    made(tmp_path)
    record = state.State.of(tmp_path / "pyproject.toml")
    assert list(record.inputs("globals_bpf.py")) == ["globals.bpf.o"]
    monkeypatch.setattr(kept, "generator", lambda: b"other")
    assert not list(state.State.of(tmp_path / "pyproject.toml").inputs("globals_bpf.py"))


def test_what_only_some_of_several_objects_have_is_told_with_their_names(
    capsys: pytest.CaptureFixture[str],
) -> None:
    names = ["variants.bpf.o", "variants.eb.bpf.o", "globals.bpf.o"]
    files = [ObjectFile.at(FIXTURES / name) for name in names]
    left_out.show("one", files[:2], Options())
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("one: left out: struct __sk_buff: argument skb of program look ")
    left_out.show("one", files, Options())
    together = capsys.readouterr().out.splitlines()
    assert together[0].startswith("one: left out of variants.bpf.o, variants.eb.bpf.o: struct __sk")
    assert len(together) == len(set(together))


def test_vendor_and_sidecar_pass_the_type_check(tmp_path: Path) -> None:
    words = ("--as-one", "variants", "-o", tmp_path, "--vendor", "--sidecar", "--typecheck")
    result = command("gen", *OBJECTS, *words)
    assert result.exit_code == 0, result.output


@needs_compiler
def test_build_compiles_a_source_for_several_machines(tmp_path: Path) -> None:
    source = tmp_path / "look.bpf.c"
    source.write_text(SOURCE)
    machines = ("--target", "bpfel", "--target", "bpfeb", "--depfile", tmp_path / "deps")
    assert command("build", source, *machines).exit_code == 0
    orders = {path.name: read_object_file(path).byte_order for path in sorted(tmp_path.glob("*.o"))}
    assert orders == {"look.eb.bpf.o": "big", "look.el.bpf.o": "little"}
    assert [line.split(" v")[0] for line in functions(tmp_path / "look_bpf.py")] == [
        "little-endian",
        "big-endian",
    ]
    rules = (tmp_path / "deps").read_text()
    assert "look.eb.bpf.o" in rules
    assert "look.el.bpf.o" in rules
    assert command("build", source, *machines[:4], "--check").exit_code == 0
    source.write_text(SOURCE.replace("START 7", "START 8"))
    result = command("build", source, *machines[:4], "--check")
    assert result.exit_code == 1
    assert "variable .rodata start: first value 07000000 → 08000000" in result.stdout
    assert "variable .rodata start on big-endian v" in result.stdout


@needs_compiler
def test_an_architecture_counts_where_registers_are_read_or_it_is_asked_for(
    tmp_path: Path,
) -> None:
    plain, reads = tmp_path / "plain.bpf.c", tmp_path / "reads.bpf.c"
    plain.write_text(SOURCE)
    reads.write_text(REGISTERS)
    assert command("build", plain, reads).exit_code == 0
    assert "arch=" not in (tmp_path / "plain_bpf.py").read_text()
    assert "arch=" in (tmp_path / "reads_bpf.py").read_text()
    assert command("build", plain, "--arch", "arm64").exit_code == 0
    assert 'arch="arm64"' in (tmp_path / "plain_bpf.py").read_text()
    assert command("build", reads, "--arch", "x86", "--arch", "arm64").exit_code == 0
    assert [line.split(" v")[0] for line in functions(tmp_path / "reads_bpf.py")] == [
        "little-endian x86",
        "little-endian arm64",
    ]


@needs_compiler
def test_cpu_versions_that_come_to_the_same_are_one(tmp_path: Path) -> None:
    source = tmp_path / "look.bpf.c"
    source.write_text(SOURCE)
    result = command("build", source, "--cpu", "v1", "--cpu", "v2")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "look.v2.bpf.o").exists()
    assert functions(tmp_path / "look_bpf.py") == [""]


def test_a_byte_order_that_an_architecture_lacks_is_wrong_usage(tmp_path: Path) -> None:
    (tmp_path / "a.bpf.c").write_text(SOURCE)
    if HAS_COMPILER:
        result = command("build", tmp_path / "a.bpf.c", "--arch", "x86", "--target", "bpfeb")
        assert (result.exit_code, "no Linux on x86" in result.stderr) == (2, True)


# ---- [tool.bpf2py] ----


def made(folder: Path, *, check: bool = False) -> dict[str, Status]:
    file = folder / "pyproject.toml"
    outcomes = build(load(file), check=check, state=state.State.of(file))
    for outcome in outcomes:
        if outcome.error:
            raise outcome.error
    return {outcome.job.module.name: outcome.status for outcome in outcomes}


@needs_compiler
def test_a_project_compiles_for_several_machines(tmp_path: Path) -> None:
    config = (
        'sources = ["bpf/*.c"]\ntarget = ["bpfel", "bpfeb"]\ncpu = ["v2", "v3"]\nsidecar = true\n'
    )
    project(tmp_path, config, look=SOURCE)
    assert made(tmp_path) == {"look_bpf.py": Status.WRITTEN}
    assert sorted(path.name for path in (tmp_path / "bpf").iterdir()) == [
        "look.bpf.c",
        "look.eb.v2.bpf.o",
        "look.eb.v3.bpf.o",
        "look.el.v2.bpf.o",
        "look.el.v3.bpf.o",
        "look_bpf.bin",
        "look_bpf.py",
    ]
    assert made(tmp_path) == {"look_bpf.py": Status.UNCHANGED}
    (tmp_path / "bpf" / "look_bpf.bin").unlink()
    assert made(tmp_path, check=True) == {"look_bpf.py": Status.OUTDATED}
    assert made(tmp_path) == {"look_bpf.py": Status.WRITTEN}
    (tmp_path / "bpf" / "look.eb.v3.bpf.o").unlink()
    assert made(tmp_path) == {"look_bpf.py": Status.WRITTEN}
    assert made(tmp_path, check=True) == {"look_bpf.py": Status.UNCHANGED}


def test_a_project_makes_one_module_of_ready_objects(tmp_path: Path) -> None:
    for path in OBJECTS:
        (tmp_path / path.name).write_bytes(path.read_bytes())
    project(tmp_path, 'objects = ["variants*.bpf.o"]\nas-one = "variants"\n')
    assert made(tmp_path) == {"variants_bpf.py": Status.WRITTEN}
    assert (tmp_path / "variants_bpf.py").read_text() == (FIXTURES / "variants_bpf.py").read_text()
    (tmp_path / "variants.eb.bpf.o").unlink()
    assert made(tmp_path) == {"variants_bpf.py": Status.WRITTEN}
    assert "big-endian" not in (tmp_path / "variants_bpf.py").read_text()


def test_a_project_says_architectures_before_objects(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.bpf.o").write_bytes((FIXTURES / "minimal.bpf.o").read_bytes())
    project(tmp_path, 'objects = ["x86=a.bpf.o", "arm64=b.*.o"]\nas-one = "tool"\n')
    made(tmp_path)
    text = (tmp_path / "tool_bpf.py").read_text()
    assert 'runtime.Variant("little", "arm64", 1, (), _object_spec_2)' in text


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ('sources = ["a"]\narch = ["x86", "vax"]', "tool.bpf2py.arch is"),
        ('sources = ["a"]\ncpu = "v9"', "tool.bpf2py.cpu is 'v9'"),
        ('sources = ["a"]\ncpu = 3', "must be a string or a list of strings"),
        ('sources = ["bpf/*.c"]\narch = "x86"\ntarget = "bpfeb"', "no Linux on x86"),
        ('sources = ["bpf/*.c"]\nas-one = "x"', "as-one is for objects"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, config: str, words: str) -> None:
    from bpf2py.project.plan import plan

    project(tmp_path, config + "\n", look=SOURCE)
    with pytest.raises(ConfigError, match=words):
        plan(load(tmp_path / "pyproject.toml"))


def test_a_build_hook_takes_the_file_beside_the_module_along(tmp_path: Path) -> None:
    (tmp_path / "globals.bpf.o").write_bytes((FIXTURES / "globals.bpf.o").read_bytes())
    project(tmp_path, 'objects = ["*.bpf.o"]\nsidecar = true\n')
    names = {path.name for path in generate(tmp_path)}
    assert names == {"globals_bpf.py", "globals_bpf.bin"}
    spec = importlib.util.spec_from_file_location("hooked", tmp_path / "globals_bpf.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["hooked"] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
        assert module._object_spec() == read_object_file(FIXTURES / "globals.bpf.o")
    finally:
        del sys.modules["hooked"]
