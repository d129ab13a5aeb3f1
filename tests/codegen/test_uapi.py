"""The file of kernel constants is what its generator writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from bpf2py import uapi
from bpf2py.btf import decode, encode
from bpf2py.btf import types as t
from bpf2py.codegen import uapi as generator


def test_regeneration_changes_no_byte() -> None:
    text = generator.generate(decode(generator.BTF_FILE.read_bytes()))
    assert generator.TARGET.read_text(encoding="utf-8") == text
    assert generator.main(["--check"]) == 0


def test_a_changed_file_is_told(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    changed = tmp_path / "uapi.py"
    text = generator.TARGET.read_text(encoding="utf-8")
    changed.write_text(text.replace("RINGBUF = 27", "RINGBUF = 28"), encoding="utf-8")
    monkeypatch.setattr(generator, "TARGET", changed)
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


def test_an_enum_that_is_missing_is_named() -> None:
    table = decode(encode([t.Int("int", 4, 32)], byte_order="little"))
    with pytest.raises(ValueError, match="no enum bpf_cmd"):
        generator.generate(table)
