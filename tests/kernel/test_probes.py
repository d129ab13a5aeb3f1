"""What the kernel can do: our answers beside bpftool's, and beside what loading shows."""

from __future__ import annotations

import functools
import json
import shutil
import subprocess
from typing import Any

import pytest
from click.testing import CliRunner

from bpf2py.btf.sanitize import BTFFeature
from bpf2py.cli.main import cli
from bpf2py.runtime import InconclusiveError, probes
from bpf2py.uapi import HELPER_NAMES, LinkType, MapType, ProgType

needs_bpftool = pytest.mark.skipif(
    shutil.which("bpftool") is None,
    reason="bpftool is missing: apt-get install bpftool",
)


@functools.cache
def bpftool() -> dict[str, Any]:
    done = subprocess.run(
        ["bpftool", "-j", "feature", "probe", "kernel"], capture_output=True, text=True, check=True
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@functools.cache
def ours() -> probes.Report:
    return probes.report()


@needs_bpftool
def test_program_types_are_those_that_bpftool_finds_but_for_what_is_forbidden() -> None:
    compared = 0
    for name, answer in ours().program_types.items():
        theirs = bpftool()["program_types"].get(f"have_{name.lower()}_prog_type")
        if theirs is None or answer == "unknown":
            continue
        # bpftool tries tracing by fentry alone, which a kernel may forbid.
        if theirs or name != "TRACING":
            assert (name, answer) == (name, "yes" if theirs else "no")
            compared += 1
    assert compared > 20


@needs_bpftool
def test_map_types_are_those_that_bpftool_finds() -> None:
    compared = 0
    for name, answer in ours().map_types.items():
        short = name.removesuffix("_DEPRECATED").lower()
        theirs = bpftool()["map_types"].get(f"have_{short}_map_type")
        if theirs is not None:
            assert (name, answer) == (name, "yes" if theirs else "no")
            compared += 1
    assert compared > 25


@needs_bpftool
def test_helpers_are_those_that_bpftool_finds() -> None:
    theirs = {
        prog_type: {name.removeprefix("bpf_") for name in names}
        for prog_type in ours().helpers
        if (names := bpftool()["helpers"].get(f"{prog_type.lower()}_available_helpers"))
    }
    assert len(theirs) > 10
    known = set[str]().union(*theirs.values())
    for prog_type, names in theirs.items():
        # bpftool does not know helpers that are younger than itself.
        found = set(ours().helpers[prog_type]) & known
        # Since 6.14 the verifier words it differently, and an older bpftool takes every helper of
        # every type for there.
        assert found < names if names == known else found == names, prog_type


def test_what_these_tests_load_is_there() -> None:
    assert probes.has_program_type(ProgType.XDP)
    assert probes.has_map_type(MapType.HASH)
    assert probes.has_helper(ProgType.XDP, "bpf_map_lookup_elem")
    assert probes.has_helper(ProgType.XDP, "map_lookup_elem")
    assert not probes.has_helper(ProgType.SOCKET_FILTER, "bpf_xdp_adjust_head")
    assert probes.has_link_type(LinkType.RAW_TRACEPOINT)
    assert probes.has_btf(BTFFeature.DATASEC)
    assert probes.cpu_version() >= 2


def test_a_program_that_needs_a_target_cannot_be_asked_for_helpers() -> None:
    with pytest.raises(InconclusiveError, match="without its target"):
        probes.has_helper(ProgType.TRACING, "bpf_map_lookup_elem")


def test_names_that_nobody_has_are_an_error_and_no_no() -> None:
    with pytest.raises(ValueError, match="no helper called 'bpf_make_coffee'"):
        probes.has_helper(ProgType.XDP, "bpf_make_coffee")
    with pytest.raises(ValueError, match="UNSPEC"):
        probes.has_program_type(ProgType.UNSPEC)
    with pytest.raises(ValueError, match="UNSPEC"):
        probes.has_map_type(MapType.UNSPEC)
    with pytest.raises(ValueError, match="UNSPEC"):
        probes.has_link_type(LinkType.UNSPEC)


def test_fields_of_the_kernels_structs_are_found_through_anonymous_ones() -> None:
    assert probes.has_field("task_struct", "pid")
    assert probes.has_field("task_struct", "se.vruntime")
    assert probes.has_field("sk_buff", "dev")  # in an anonymous struct in an anonymous union
    assert not probes.has_field("task_struct", "favourite_colour")
    assert not probes.has_field("no_such_struct", "pid")


def test_every_question_has_an_answer_and_every_unknown_a_reason() -> None:
    report = ours()
    asked = [
        len(ProgType) - 1,
        len(MapType) - 1,
        len(LinkType) - 1,
        len(BTFFeature),
    ]
    assert [len(answers) for answers in report.sections.values()] == asked
    unknown = sum(
        answer == "unknown" for answers in report.sections.values() for answer in answers.values()
    )
    assert unknown <= len(report.unknown)
    assert all(report.unknown.values())


def test_a_loaded_helper_was_probed_as_there() -> None:
    for name in ("map_lookup_elem", "ktime_get_ns", "get_prandom_u32"):
        assert name in ours().helpers["SOCKET_FILTER"]
    assert set(ours().helpers["XDP"]) <= set(HELPER_NAMES)


def test_the_command_says_it_as_text_and_as_json() -> None:
    text = CliRunner().invoke(cli, ["features", "--helpers", "--kfuncs"])
    assert text.exit_code == 0
    assert "Program types:\n  SOCKET_FILTER" in text.stdout
    assert "Helpers of XDP" in text.stdout
    document = json.loads(CliRunner().invoke(cli, ["features", "--json"]).stdout)
    assert document["format"] == 1
    assert document["map_types"]["HASH"] == "yes"
    assert document["helpers"]["XDP"] == ours().helpers["XDP"]
    assert document["cpu_version"] == probes.cpu_version()
