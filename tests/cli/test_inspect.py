"""``bpf2py inspect`` tells what the C sources say."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from bpf2py.cli.describe import describe
from bpf2py.cli.main import cli
from bpf2py.codegen import Options, render
from bpf2py.codegen import describe as gen_describe
from bpf2py.elf import read_object_file

FIXTURES = Path(__file__).parents[2] / "generated_fixtures"

#: Scripts read these: adding is free, taking away or renaming is a new "format".
KEYS = {
    "": {
        "format",
        "name",
        "byte_order",
        "license",
        "sha256",
        "maps",
        "programs",
        "capabilities",
        "variables",
        "externs",
        "types",
        "views",
        "left_out",
        "refused",
        "core_relocations",
    },
    "maps": {
        "name",
        "type",
        "key_size",
        "value_size",
        "max_entries",
        "flags",
        "map_extra",
        "numa_node",
        "pinning",
        "key_type",
        "value_type",
        "event_type",
        "section",
        "inner",
        "values",
        "functions",
        "autocreate",
    },
    "programs": {
        "name",
        "file",
        "line",
        "function",
        "section",
        "type",
        "attach_type",
        "attach_to",
        "flags",
        "instructions",
        "autoload",
        "autoattach",
        "maps",
    },
    "variables": {"name", "section", "type", "offset", "size", "linkage", "value"},
    "externs": {"name", "kind", "weak", "type"},
    "types": {"name", "kind", "size", "declaration"},
    "views": {"place", "view"},
    "left_out": {"kind", "name", "reason", "option"},
    "core_relocations": {
        "program",
        "instruction",
        "file",
        "line",
        "kind",
        "type",
        "access",
        "path",
    },
}

OBJECTS = sorted(FIXTURES.glob("*.bpf.o"))


def inspect(name: str) -> dict[str, Any]:
    result = CliRunner().invoke(cli, ["inspect", "--json", str(FIXTURES / f"{name}.bpf.o")])
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert isinstance(document, dict)
    return document


def by_name(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in rows}


@pytest.mark.parametrize("path", OBJECTS, ids=lambda path: path.name)
def test_every_fixture_is_shown_or_refused_in_one_line(path: Path) -> None:
    shown = CliRunner().invoke(cli, ["inspect", str(path)])
    as_json = CliRunner().invoke(cli, ["inspect", "--json", str(path)])
    assert shown.exit_code == as_json.exit_code
    if shown.exit_code:
        assert shown.stderr.startswith("Error: ")
        assert as_json.stdout == ""
        return
    document = json.loads(as_json.stdout)
    assert document["format"] == 1
    assert set(document) == KEYS[""]
    for table in KEYS.keys() - {""}:
        for row in document[table] or ():
            assert set(row) == KEYS[table]
    for program in document["programs"]:
        assert program["name"] in shown.stdout


def test_variables_have_their_c_types_and_values() -> None:
    variables = by_name(inspect("globals")["variables"])
    expected = {
        "enabled": ("const volatile _Bool", True),
        "negative": ("const volatile __s16", -300),
        "threshold_ns": ("const volatile __u64", 5_000_000_000),
        "mode": ("const volatile enum mode", "MODE_AUTO"),
        "label": ("const volatile char[16]", "default"),
        "mac": ("const volatile unsigned char[6]", "020000aabbcc"),
        "ports": ("const volatile __u32[4]", [80, 443, 0, 0]),
        "limits": ("const volatile struct limits", {"low": 10, "high": -20, "unit": "ms"}),
        "ratio": ("const volatile float", 0.5),
        "precise": ("const volatile double", -2.25),
        "pointer": ("void *", 0x1234),
        "matrix": ("__u32[2][3]", [[0, 0, 0], [0, 0, 0]]),
    }
    assert {name: (variables[name]["type"], variables[name]["value"]) for name in expected} == (
        expected
    )


def test_the_same_source_in_both_byte_orders_has_the_same_values() -> None:
    little, big = inspect("globals"), inspect("globals.eb")
    assert (little["byte_order"], big["byte_order"]) == ("little", "big")
    values = [
        {row["name"]: row["value"] for row in document["variables"]} for document in (little, big)
    ]
    assert values[0] == values[1]


def test_the_same_source_from_three_compilers_has_the_same_maps() -> None:
    maps = [inspect(name)["maps"] for name in ("maps_basic", "maps_basic.clang14")]
    assert maps[0] == maps[1]


def test_a_core_relocation_names_its_line_and_its_path() -> None:
    document = inspect("core_fields")
    source = (FIXTURES / "core_fields.bpf.c").read_text(encoding="utf-8").splitlines()
    records = document["core_relocations"]
    assert records
    for record in records:
        assert record["file"].endswith(".c")
        assert 0 < record["line"] <= len(source)
        assert record["path"].startswith(record["type"])
    kinds = {record["kind"] for record in records}
    assert "field_byte_offset" in kinds


def test_a_core_relocation_names_its_enumerator() -> None:
    paths = {record["path"] for record in inspect("core_enums")["core_relocations"]}
    assert {
        "enum pid_type.PIDTYPE_PID",
        "enum zone_type___flavour.ZONE_NORMAL___flavour",
        "phy_interface_t.PHY_INTERFACE_MODE_NA",
    } <= paths


def test_what_the_module_leaves_out_is_told_with_its_reason() -> None:
    (limits,) = [each for each in inspect("arguments")["left_out"] if each["name"] == "limits"]
    assert limits == {
        "kind": "struct",
        "name": "limits",
        "reason": "argument limits of clamp() points to it",
        "option": "--type limits, or --contexts",
    }
    result = CliRunner().invoke(cli, ["inspect", str(FIXTURES / "arguments.bpf.o")])
    table = result.stdout.partition("Left out of the module")[2]
    (row,) = [line for line in table.splitlines() if line.startswith("struct limits ")]
    assert re.split(r"  +", row.strip()) == ["struct limits", limits["reason"], limits["option"]]


def test_views_that_c_chose_are_shown_as_the_command_takes_them() -> None:
    shown = {each["place"]: each["view"] for each in inspect("types_views")["views"]}
    assert len(shown) > 20
    # members of structs without a name cannot be named, and typedefs have other types in the text
    chosen = {
        place: view
        for place, view in shown.items()
        if not place.startswith("typedef ") and "(anonymous)" not in place
    }
    spec = read_object_file(FIXTURES / "types_views.bpf.o")
    assert render(gen_describe(spec, Options(views=chosen))) == render(gen_describe(spec))
    table = CliRunner().invoke(cli, ["inspect", str(FIXTURES / "types_views.bpf.o")]).stdout
    views = table.partition("\nViews ")[2].partition("\n\n")[0].splitlines()
    assert [re.split(r"  +", line.strip()) for line in views[2:]] == [
        [place, view] for place, view in shown.items()
    ]
    assert inspect("minimal")["views"] == []


def test_an_object_that_no_module_can_be_made_of_is_shown_all_the_same() -> None:
    spec = read_object_file(FIXTURES / "maps_basic.bpf.o")
    spec.maps["start"].key_size = 3
    document = describe(spec)
    assert by_name(document["maps"])["start"]["key_size"] == 3
    assert document["left_out"] is None
    assert document["refused"] == "map start: key: has 3 bytes, but its type has 4"


def test_a_program_is_shown_with_its_place_and_its_function() -> None:
    serve = next(each for each in inspect("arguments")["programs"] if each["name"] == "serve")
    assert serve["file"] == "arguments.bpf.c"
    assert serve["function"] == "int serve(struct request *request)"
    source = (FIXTURES / "arguments.bpf.c").read_text(encoding="utf-8").splitlines()
    assert source[serve["line"] - 1] == "int serve(struct request *request)"


def test_what_clang_calls_the_types_is_what_c_calls_them() -> None:
    types = by_name(inspect("globals")["types"])
    assert types["limits"]["size"] == 12
    assert types["limits"]["declaration"].startswith("struct limits {")
    assert types["mode"]["kind"] == "enum"


def test_what_c_puts_into_maps_is_shown() -> None:
    def shown(name: str) -> str:
        return CliRunner().invoke(cli, ["inspect", str(FIXTURES / f"{name}.bpf.o")]).output

    lines = [line.split() for line in shown("tail_calls_filled").splitlines()]
    assert ["steps", "0", "from_first"] in lines
    assert ["steps", "2", "from_second"] in lines
    text = shown("struct_ops")
    assert ["by_link", "init", "on_init"] in [line.split() for line in text.splitlines()]
    assert "not created by default" in text
    assert "sum" in shown("arena")


def test_externs_are_listed_with_whether_they_may_be_missing() -> None:
    functions = by_name(inspect("kfuncs")["externs"])
    assert functions["bpf_iter_num_destroy"] == {
        "name": "bpf_iter_num_destroy",
        "kind": "function",
        "weak": False,
        "type": "void (struct bpf_iter_num___mine *)",
    }
    document = inspect("externs")
    externs = by_name(document["externs"])
    assert (externs["CONFIG_HZ"]["kind"], externs["CONFIG_HZ"]["weak"]) == ("kconfig", True)
    assert (externs["schedule"]["kind"], externs["schedule"]["type"]) == ("address", None)
    # Nobody knows it before the object is loaded.
    assert by_name(document["variables"])["CONFIG_HZ"]["value"] is None
    text = CliRunner().invoke(cli, ["inspect", str(FIXTURES / "externs.bpf.o")]).stdout
    assert "Externs" in text
    assert "if there" in text
