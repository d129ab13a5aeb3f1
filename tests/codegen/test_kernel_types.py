"""A sample of the running kernel's types through the generator; all of them: ``make alltypes``."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bpf2py.codegen import generate

from .kernel_types import KERNEL_BTF, Kernel
from .raw_btf import compare_with_bpftool

ROOT = Path(__file__).resolve().parents[2]
SEED = 7
#: Of some sixteen thousand types.
SAMPLE, CHECKED = 200, 40

pytestmark = pytest.mark.skipif(
    not KERNEL_BTF.exists() or sys.byteorder != "little",
    reason=f"needs {KERNEL_BTF}, little-endian: a kernel with CONFIG_DEBUG_INFO_BTF",
)


@pytest.fixture(scope="module")
def kernel() -> Kernel:
    return Kernel()


@pytest.mark.slow
def test_every_leaf_of_the_kernels_types_is_read_and_packed_where_its_btf_says(
    kernel: Kernel,
) -> None:
    ids = kernel.ids()
    assert len(ids) > 1000
    chosen = sorted(random.Random(SEED).sample(ids, SAMPLE))
    leaves = sum(kernel.check(group) for group in kernel.slices(chosen))
    assert leaves > SAMPLE


def test_bpftool_reads_the_same_sizes_offsets_and_numbers(kernel: Kernel) -> None:
    if shutil.which("bpftool") is None:
        pytest.skip("needs bpftool")
    found, wrong = compare_with_bpftool(kernel.raw, KERNEL_BTF)
    assert found == len(kernel.ids())
    assert wrong == []


@pytest.mark.slow
def test_mypy_and_pyright_find_nothing_in_modules_of_the_kernels_types(
    kernel: Kernel, tmp_path: Path
) -> None:
    chosen = sorted(random.Random(SEED + 1).sample(kernel.ids(), CHECKED))
    (tmp_path / "kernel_bpf.py").write_text(generate(kernel.spec(chosen)))
    (tmp_path / "mypy.ini").write_text(f"[mypy]\nstrict = true\nmypy_path = {ROOT}\n")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--no-error-summary", "kernel_bpf.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    if shutil.which("node") is None:
        pytest.skip("mypy found nothing; pyright needs node")
    config = {"include": ["."], "extraPaths": [str(ROOT)], "typeCheckingMode": "strict"}
    (tmp_path / "pyrightconfig.json").write_text(json.dumps({**config, "pythonVersion": "3.11"}))
    done = subprocess.run(
        [sys.executable, "-m", "pyright", "--outputjson", "--project", str(tmp_path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    report = json.loads(done.stdout)
    assert report["summary"]["filesAnalyzed"] == 1
    assert report["generalDiagnostics"] == []
