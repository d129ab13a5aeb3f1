"""Blobs written here, seen by others, and values that BTF cannot hold."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from bpf2py.btf import BTFError, decode, encode
from bpf2py.btf import types as t
from bpf2py.uapi import BTFKind

from .samples import EVERY_KIND


def test_every_kind_is_among_the_samples() -> None:
    assert {each.kind for each in EVERY_KIND} == set(BTFKind) - {BTFKind.UNKN}


@pytest.mark.skipif(shutil.which("bpftool") is None, reason="bpftool is not installed")
def test_bpftool_reads_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "types.btf"
    path.write_bytes(encode(EVERY_KIND, byte_order="little"))
    command = ["bpftool", "-j", "btf", "dump", "file", str(path)]
    types = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["types"]
    assert [(each["id"], each["kind"], each["name"]) for each in types] == [
        (type_id, each.kind.name, each.name or "(anon)")
        for type_id, each in enumerate(EVERY_KIND, 1)
    ]
    by_kind = {each["kind"]: each for each in types}
    assert by_kind["INT"]["nr_bits"] == 32
    assert by_kind["ARRAY"]["nr_elems"] == 16
    assert [(m["name"], m["type_id"], m["bits_offset"]) for m in by_kind["UNION"]["members"]] == [
        ("number", 1, 0),
        ("text", 4, 0),
    ]
    bits = next(each for each in types if each["name"] == "bits")
    assert [(m["bits_offset"], m.get("bitfield_size")) for m in bits["members"]] == [
        (0, 3),
        (3, 29),
    ]
    assert [v["val"] for v in by_kind["ENUM64"]["values"]] == [-(1 << 40), 1 << 40]
    assert by_kind["FUNC"]["linkage"] == "global"
    assert by_kind["DATASEC"]["vars"] == [
        {"type_id": by_kind["VAR"]["id"], "offset": 0, "size": 4}
        | {key: value for key, value in by_kind["DATASEC"]["vars"][0].items() if key == "type_name"}
    ]
    assert by_kind["DECL_TAG"]["component_idx"] == -1


def test_a_name_stands_once_in_the_string_table() -> None:
    blob = encode([t.Struct("name", 0, ()), t.Fwd("name"), t.Typedef("name", 1)], byte_order="big")
    assert blob.count(b"name\0") == 1
    table = decode(blob)
    assert {table.name_offset(type_id) for type_id in table} == {1}


def test_strings_for_other_sections_can_be_put_in() -> None:
    table = decode(encode([t.Fwd("a")], byte_order="little", strings=["file.c", "a"]))
    assert table.string(3) == "file.c"
    assert table.string_size == 10


@pytest.mark.parametrize(
    ("type_", "message"),
    [
        (t.Void(), "cannot be written"),
        (t.Fwd("a\0b"), "contains a NUL"),
        (t.Ptr(1 << 32), "32 bits"),
        (t.Struct("s", -1, ()), "32 bits"),
        (t.Int("i", 4, 256), "number of bits is 256"),
        (t.Struct("s", 4, (t.Member("m", 1, 1 << 24, 1),), kind_flag=True), "bit offset of 'm'"),
        (t.Struct("s", 4, (t.Member("m", 1, 0, 256),), kind_flag=True), "width of 'm'"),
        (t.Struct("s", 4, (t.Member("m", 1, 0, 3),)), "needs kind_flag"),
        (t.Enum("e", 4, (t.Enumerator("A", -1),)), "A = -1 does not fit"),
        (t.Enum("e", 4, (t.Enumerator("A", 1 << 31),), signed=True), "does not fit into 32 bits"),
        (t.Enum64("e", 8, (t.Enumerator("A", 1 << 64),)), "does not fit into 64 bits"),
    ],
)
def test_what_btf_cannot_say_is_refused_with_the_type_s_id(type_: t.Type, message: str) -> None:
    with pytest.raises(BTFError, match=f"type 2: .*{message}"):
        encode([t.Int("int", 4, 32), type_], byte_order="little")
