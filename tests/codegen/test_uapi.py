"""The file of kernel constants is what its generator writes."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bpf2py import uapi
from bpf2py.btf import decode, encode
from bpf2py.btf import types as t
from bpf2py.codegen import uapi as generator


def test_regeneration_changes_no_byte() -> None:
    files = generator.generate(decode(generator.BTF_FILE.read_bytes()))
    assert files.keys() == {path.name for path in generator.TARGET.glob("*.py")}
    for name, text in files.items():
        assert (generator.TARGET / name).read_text(encoding="utf-8") == text
    assert generator.main(["--check"]) == 0


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [("__init__.py", "RINGBUF = 27", "RINGBUF = 28"), ("rare.py", "DROP = 1", "DROP = 2")],
)
def test_a_changed_file_is_told(
    file: str,
    old: str,
    new: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shutil.copytree(generator.TARGET, tmp_path, dirs_exist_ok=True)
    changed = tmp_path / file
    text = changed.read_text(encoding="utf-8")
    assert old in text
    changed.write_text(text.replace(old, new), encoding="utf-8")
    monkeypatch.setattr(generator, "TARGET", tmp_path)
    assert generator.main(["--check"]) == 1
    assert "generate it again" in capsys.readouterr().err
    assert generator.main([]) == 0
    assert changed.read_text(encoding="utf-8") == text


def test_constants_are_those_of_the_headers() -> None:
    assert uapi.MapType(27) is uapi.MapType.RINGBUF
    assert uapi.HELPER_NAMES[1] == "map_lookup_elem"
    assert uapi.HELPER_NAMES[211] == "cgrp_storage_delete"
    assert uapi.MapFlags(1 << 40) | uapi.MapFlags.MMAPABLE == 1 << 40 | 1 << 10
    assert not [
        name for cls in (uapi.Cmd, uapi.MapType) for name in cls.__members__ if name[0] == "_"
    ]


def test_rare_enums_are_made_when_asked_for() -> None:
    code = (
        "import sys; from bpf2py import uapi; assert 'bpf2py.uapi.rare' not in sys.modules;"
        "assert uapi.XDPAction.PASS == 2; assert 'XDPAction' in vars(uapi); print(uapi.LinkType)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "<enum 'LinkType'>\n"
    with pytest.raises(AttributeError, match=r"'bpf2py\.uapi' has no attribute 'NoSuchEnum'"):
        uapi.__getattr__("NoSuchEnum")


def test_an_enum_that_is_missing_is_named() -> None:
    table = decode(encode([t.Int("int", 4, 32)], byte_order="little"))
    with pytest.raises(ValueError, match="no enum bpf_cmd"):
        generator.generate(table)
