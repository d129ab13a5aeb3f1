"""The examples become wheels by their back-ends, and the wheels run where nothing else is.

Nothing is fetched: the environment that builds sees this one's packages, and bpf2py as its own
wheel, so that the entry points are those of ``pyproject.toml`` as it is now.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest
from setuptools import Distribution

from bpf2py.hooks import BuildFailed, generate
from bpf2py.hooks.setuptools import finalize
from tests.cli.test_main import without_packages
from tests.conftest import bpf_works
from tests.project.builds import MINIMAL, ROOT, project, with_object

DEADLINE = 120
#: Imports a module and makes its description, which reads the file beside it.
_DESCRIBE = "import {0} as module; assert module._object_spec().btf"
ENVIRONMENT = {name: text for name, text in os.environ.items() if name != "PYTHONPATH"}


def run(*words: str | Path, cwd: Path, code: int = 0) -> str:
    """The output of a command, which must end with *code*."""
    done = subprocess.run(
        words,
        cwd=cwd,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=DEADLINE,
    )
    assert done.returncode == code, done.stdout
    return done.stdout


def environment(folder: Path, *wheels: Path) -> Path:
    """A new environment with *wheels* and nothing else; its interpreter."""
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    install = ["install", "--no-index", "--no-deps", *map(str, wheels)]
    run(*pip, "--python", str(python), *install, cwd=folder)
    return python


@pytest.fixture(scope="module")
def own_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """bpf2py itself as a wheel."""
    folder = tmp_path_factory.mktemp("own")
    build = ["-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder)]
    run(sys.executable, *build, cwd=ROOT)
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def builder(tmp_path_factory: pytest.TempPathFactory, own_wheel: Path) -> Path:
    """An interpreter with bpf2py as installed from its wheel, and what the tests have beside."""
    folder = tmp_path_factory.mktemp("builder") / "env"
    python = environment(folder, own_wheel)
    (packages,) = folder.glob("lib/python*/site-packages")
    (packages / "beside.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


def built(builder: Path, folder: Path) -> Path:
    """The wheel that ``python -m build`` makes of *folder*, through its source distribution."""
    run(builder, "-m", "build", "--no-isolation", "--outdir", "dist", cwd=folder)
    (wheel,) = folder.glob("dist/*.whl")
    return wheel


def copied(name: str, folder: Path) -> Path:
    """The example *name*, away from the checkout, as git has it."""
    made = shutil.ignore_patterns("*_bpf.py", "_bpf2py", "dist", "build", "*.egg-info")
    return shutil.copytree(ROOT / "examples" / name, folder / name, ignore=made)


def with_sidecar(folder: Path) -> Path:
    """*folder*, whose modules shall have their binary part in a file beside them."""
    file = folder / "pyproject.toml"
    text = file.read_text()
    assert "[tool.bpf2py]\n" in text
    file.write_text(text.replace("[tool.bpf2py]\n", "[tool.bpf2py]\nsidecar = true\n"))
    return folder


def files(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if ".dist-info/" not in name}


@pytest.mark.slow
def test_hatchling_generates_into_the_wheel(tmp_path: Path, builder: Path, own_wheel: Path) -> None:
    wheel = built(builder, with_sidecar(copied("wheel_hatchling", tmp_path)))
    assert files(wheel) == {
        "switchcount/__init__.py",
        "switchcount/__main__.py",
        "switchcount/switches_bpf.bin",
        "switchcount/switches_bpf.py",
    }
    python = environment(tmp_path / "env", own_wheel, wheel)
    run(python, "-c", _DESCRIBE.format("switchcount.switches_bpf"), cwd=tmp_path)
    if not bpf_works():
        pytest.skip("it was built and imported; to load it needs root and bpf(2)")
    shown = run(python.with_name("switchcount"), "0.3", cwd=tmp_path)
    counts = [int(count) for count in re.findall(r"^CPU \d+: (\d+) switches$", shown, re.M)]
    assert sum(counts) > 0


@pytest.mark.slow
def test_setuptools_generates_into_the_wheel_with_the_runtime(
    tmp_path: Path, builder: Path
) -> None:
    wheel = built(builder, with_sidecar(copied("wheel_setuptools", tmp_path)))
    names = files(wheel)
    ours = {name.removeprefix("forkcount/") for name in names}
    assert {"__init__.py", "__main__.py", "forks_bpf.py", "forks_bpf.bin"} <= ours
    assert {"_bpf2py/spec.py", "_bpf2py/runtime/maps/hash.py"} <= ours
    python = environment(tmp_path / "env", wheel)  # without bpf2py
    run(python, "-c", _DESCRIBE.format("forkcount.forks_bpf"), cwd=tmp_path)
    if not bpf_works():
        pytest.skip("it was built and imported; to load it needs root and bpf(2)")
    process = subprocess.Popen(
        [python.with_name("forkcount"), "1"], stdout=subprocess.PIPE, text=True, env=ENVIRONMENT
    )
    while process.poll() is None:  # processes for it to count
        subprocess.run(["true"], check=True)
    shown, _ = process.communicate(timeout=DEADLINE)
    assert process.returncode == 0
    counted = re.fullmatch(r"(\d+) started\n", shown)
    assert counted, shown
    assert int(counted[1]) > 0


@pytest.mark.parametrize("name", ["wheel_hatchling", "wheel_setuptools"])
def test_the_examples_pass_mypy_strict(tmp_path: Path, name: str, builder: Path) -> None:
    folder = copied(name, tmp_path)
    run(builder, "-m", "bpf2py", "gen", cwd=folder)
    mypy = ["-m", "mypy", "--strict", "--config-file=", "--cache-dir=.cache", "src"]
    run(builder, *mypy, cwd=folder)


@pytest.mark.parametrize("name", ["wheel_hatchling", "wheel_setuptools"])
def test_what_goes_wrong_stops_the_build_with_the_reason(
    tmp_path: Path, name: str, builder: Path
) -> None:
    folder = copied(name, tmp_path)
    (damaged,) = folder.glob("bpf/*.bpf.o")
    damaged.write_bytes(b"no ELF")
    shown = run(builder, "-m", "build", "--no-isolation", "--wheel", cwd=folder, code=1)
    assert f"bpf2py: {damaged.name}" in shown


def test_a_hook_makes_what_the_project_describes(tmp_path: Path) -> None:
    with_object(tmp_path, 'objects = ["*.bpf.o"]\nvendor = true\n')
    found = {path.relative_to(tmp_path).as_posix() for path in generate(tmp_path)}
    assert {"minimal_bpf.py", "_bpf2py/spec.py"} <= found
    expected = MINIMAL.with_name("minimal_bpf.py").read_text()
    assert (tmp_path / "minimal_bpf.py").read_text() == expected.replace(
        "from bpf2py", "from _bpf2py"
    )


def test_a_wrong_key_is_the_reason_of_the_hook(tmp_path: Path) -> None:
    project(tmp_path, "object = []\n")
    with pytest.raises(BuildFailed, match=r"object is not known.*\nallowed: "):
        generate(tmp_path)


def test_without_the_build_extra_the_reason_is_one_sentence(tmp_path: Path) -> None:
    with_object(tmp_path)
    hidden = without_packages(tmp_path, "jinja2")["PYTHONPATH"]
    script = "import pathlib; from bpf2py.hooks import generate; generate(pathlib.Path())"
    path = os.pathsep.join((hidden, str(ROOT)))
    env = ("env", f"PYTHONPATH={path}", f"XDG_CACHE_HOME={tmp_path}/cache")  # nothing is kept
    shown = run(*env, sys.executable, "-c", script, cwd=tmp_path, code=1)
    assert shown.splitlines()[-1].endswith(
        "BuildFailed: bpf2py in [build-system] needs the build extra: pip install 'bpf2py[build]'"
    )


@pytest.mark.parametrize("text", [None, "", "[tool.other]\n", "[tool", "tool = 1\n"])
def test_setuptools_is_left_alone_where_nothing_is_configured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None
) -> None:
    monkeypatch.chdir(tmp_path)
    if text is not None:
        (tmp_path / "pyproject.toml").write_text(text)
    distribution = Distribution()
    before = dict(distribution.cmdclass)
    finalize(distribution)
    assert distribution.cmdclass == before
