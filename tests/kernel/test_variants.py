"""One module, four objects: the running kernel gets the newest whose instructions it knows."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipapp
from collections.abc import Iterator
from pathlib import Path

import pytest

from bpf2py import runtime
from bpf2py.project.modules import ObjectFile, generated
from bpf2py.runtime import features
from generated_fixtures.variants_bpf import Variants, VariantsSpec
from tests.kernel.abilities import has

ROOT = Path(__file__).parents[2]
OBJECTS = sorted((ROOT / "generated_fixtures").glob("variants*.bpf.o"))
PACKET = bytes(64)
#: What a socket filter sees of it.
LENGTH = 50


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """What a test says about the kernel is not remembered."""
    features.knows_instructions.cache_clear()
    yield
    features.knows_instructions.cache_clear()


def expected() -> int:
    """The newest version that this kernel runs, by probes that are not the product's."""
    if has("cpu v4 instructions (6.6)"):
        return 4
    return 3 if has("fetching atomics (5.12)") else 2


def check(spec: VariantsSpec, version: int) -> None:
    with spec.load() as loaded:
        assert loaded.programs.look.run(PACKET).return_value == version
        seen = loaded.maps.seen[0]
        assert seen.cpu == version
        assert (seen.header.version, seen.header.ihl, seen.header.total) == (4, 5, LENGTH)
        assert (seen.header.low, seen.header.high, seen.header.raw) == (6, 17, 17 << 3 | 6)
        assert seen.widened == LENGTH + 200 - 256
        assert (seen.before, loaded.data.counter) == (40, 40 + loaded.rodata.step)


def test_the_newest_version_that_the_kernel_knows_is_loaded() -> None:
    check(Variants.spec(), expected())


@pytest.mark.parametrize(("unknown", "version"), [({"movsx"}, 3), ({"movsx", "atomics"}, 2)])
def test_an_older_version_is_loaded_where_an_instruction_is_unknown(
    monkeypatch: pytest.MonkeyPatch, unknown: set[str], version: int
) -> None:
    real = features.knows_instructions
    monkeypatch.setattr(
        features, "knows_instructions", lambda family: family not in unknown and real(family)
    )
    check(Variants.spec(), min(version, expected()))


def test_what_was_changed_before_loading_goes_along() -> None:
    spec = Variants.spec()
    spec.rodata.step = 5
    spec.maps.seen.max_entries = 3
    spec.programs.spare.autoload = True
    check(spec, expected())
    with spec.load() as loaded:
        assert len(loaded.maps.seen) == 3
        assert loaded.programs.spare.run(PACKET).return_value == LENGTH + 5


def test_a_description_is_loaded_as_often_as_one_likes() -> None:
    spec = Variants.spec()
    check(spec, expected())
    spec.rodata.step = 2
    check(spec, expected())


def test_both_layouts_have_a_digest_and_this_machine_s_is_told() -> None:
    with Variants.spec().load() as loaded:
        assert runtime.layout_digest(loaded) == runtime.layout_digest(Variants)


@pytest.mark.parametrize(
    "family", ["jlt", "jmp32", "atomics", "movsx", "ldsx", "bswap", "gotol", "sdiv"]
)
def test_what_the_kernel_knows_of_each_version_is_found(family: str) -> None:
    known = features.knows_instructions(family)
    if family in ("jlt", "jmp32"):  # older than the oldest kernel these tests run on
        assert known
    elif family == "atomics":
        assert known is has("fetching atomics (5.12)")
    elif family == "gotol":  # stable kernels of 6.1 got this one alone
        assert known or not has("cpu v4 instructions (6.6)")
    else:
        assert known is has("cpu v4 instructions (6.6)")


def test_a_zipped_tool_with_its_runtime_and_a_file_beside_the_module_loads(tmp_path: Path) -> None:
    tool = tmp_path / "tool"
    tool.mkdir()
    module = tool / "variants_bpf.py"
    objects = [ObjectFile.at(path) for path in OBJECTS]
    made = generated(objects, module=module, name="variants", vendored=True, sidecar=True)
    module.write_text(made.text)
    for path, data in made.bytes_beside(module).items():
        path.write_bytes(data)
    for part in ("asm", "btf", "runtime", "uapi", "enums.py", "light.py", "records.py", "spec.py"):
        source = ROOT / "bpf2py" / part
        (shutil.copytree if source.is_dir() else shutil.copy)(source, _folder(tool) / part)
    (_folder(tool) / "__init__.py").touch()
    (tool / "__main__.py").write_text(
        "from variants_bpf import Variants\n"
        "with Variants.spec().load() as loaded:\n"
        f"    print(loaded.programs.look.run(bytes({len(PACKET)})).return_value)\n"
    )
    zipapp.create_archive(tool, tmp_path / "tool.pyz")
    shutil.rmtree(tool)
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-W", "error", str(tmp_path / "tool.pyz")],
        capture_output=True,
        text=True,
        cwd="/",
    )
    assert (done.stdout, done.stderr) == (f"{expected()}\n", "")


def _folder(tool: Path) -> Path:
    folder = tool / "_bpf2py"
    folder.mkdir(exist_ok=True)
    return folder
