"""What the kernel can do: our answers beside bpftool's, and beside what loading shows."""

from __future__ import annotations

import functools
import json
import shutil
import subprocess
import sys
from typing import Any

import pytest
from click.testing import CliRunner

from bpf2py.asm.cpu import FAMILIES
from bpf2py.btf.sanitize import BTFFeature
from bpf2py.cli.main import cli
from bpf2py.runtime import InconclusiveError, probes
from bpf2py.uapi import HELPER_NAMES, LinkType, MapFlags, MapType, ProgType
from tests.kernel.abilities import has

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
    with pytest.raises(ValueError, match="999 is not a valid MapType"):
        probes.has_map_type(999)
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
        len(MapFlags) - 3,
        len(LinkType) - 1,
        len(BTFFeature),
        len(FAMILIES),
        4,
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


#: What we find and bpftool 7.1 does not, on purpose: it tries the first by fentry alone, and takes
#: EPERM for "not there", which is "could not tell" to us.
DELIBERATE = {"NO_HAVE_TRACING_PROG_TYPE", "NO_HAVE_EXT_PROG_TYPE", "NO_HAVE_LSM_PROG_TYPE"}


@needs_bpftool
def test_settings_and_configuration_are_those_that_bpftool_reports() -> None:
    theirs = dict(bpftool()["system_config"])
    config = ours().config
    for name, value in ours().settings.items():
        if name in theirs:  # -1: it could not be read
            assert theirs.pop(name) == (-1 if value is None else value), name
    if config is None:
        pytest.skip("this kernel does not show its configuration")
    assert theirs.keys() <= config.keys()
    assert {name: config[name] for name in theirs} == theirs


@needs_bpftool
def test_loops_long_programs_and_instructions_are_those_that_bpftool_finds() -> None:
    theirs = bpftool()["misc"]
    assert theirs["have_large_insn_limit"] is probes.has_large_programs()
    assert theirs["have_bounded_loops"] is probes.has_bounded_loops()
    assert theirs["have_v2_isa_extension"] is (probes.cpu_version() >= 2)
    # To bpftool, version 3 is jumps on 32 bits (5.1); to clang, atomics as well (5.12).
    assert theirs["have_v3_isa_extension"] is probes.has_instructions("jmp32")


@needs_bpftool
def test_macros_are_those_of_bpftool() -> None:
    def defined(*command: str) -> set[str]:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        lines = [line.split() for line in done.stdout.splitlines() if line.startswith("#define")]
        return {" ".join(words[1:]) for words in lines if "HELPER" not in words[1]}

    theirs = defined("bpftool", "feature", "probe", "kernel", "macros")
    mine = defined(sys.executable, "-m", "bpf2py", "features", "--macros")
    if not probes.has_instructions("atomics"):  # before 5.12; see the test above
        theirs.discard("HAVE_V3_ISA_EXTENSION")
    assert len(theirs) > 60
    assert theirs - mine <= DELIBERATE
    mine = defined(sys.executable, "-m", "bpf2py", "features", "--macros", "--prefix", "MY_")
    assert {f"MY_{line}" for line in theirs - DELIBERATE} <= mine


@needs_bpftool
def test_what_an_unprivileged_user_can_do_is_what_bpftool_says() -> None:
    done = subprocess.run(
        ["bpftool", "-j", "feature", "probe", "kernel", "unprivileged"],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"bpftool was built without libcap: {done.stderr}")
    theirs = json.loads(done.stdout)
    mine = json.loads(
        subprocess.run(
            [sys.executable, "-m", "bpf2py", "features", "--unprivileged", "--json"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    )
    compared = 0
    for ours_too, key in (("program_types", "prog_type"), ("map_types", "map_type")):
        for name, answer in mine[ours_too].items():
            short = name.removesuffix("_DEPRECATED").lower()
            there = theirs[ours_too].get(f"have_{short}_{key}")
            # bpftool 7.1 does not try this one without rights; the kernel takes it where it takes any.
            if there is not None and name != "CGROUP_SKB":
                assert (name, answer) == (name, "yes" if there else "no")
                compared += 1
    assert compared > 50
    assert set(mine["link_types"].values()) <= {"no", "unknown"}, "all need rights"
    assert mine["misc"]["large_programs"] == "no", "no user without rights has them"
    assert mine["settings"]["bpf_jit_limit"] is None, "only root may read it"


def test_flags_of_maps_are_asked_of_the_type_they_are_for() -> None:
    assert probes.has_map_flag(MapFlags.NO_PREALLOC)
    assert probes.has_map_flag(MapFlags.MMAPABLE)
    assert not probes.has_map_flag(MapFlags.MMAPABLE, MapType.HASH)
    assert not probes.has_map_flag(MapFlags(1 << 30), MapType.HASH), "no kernel has it yet"
    assert probes.has_map_flag(MapFlags.LINK) is has("struct_ops links (6.4)")
    for wrong in (MapFlags(0), MapFlags.RDONLY | MapFlags.ZERO_SEED, MapFlags.TOKEN_FD):
        with pytest.raises(ValueError, match="no single flag"):
            probes.has_map_flag(wrong)


def test_sessions_are_asked_of_links_that_can_have_them() -> None:
    for link_type in (LinkType.KPROBE_MULTI, LinkType.UPROBE_MULTI):
        if probes.has_session(link_type):
            assert probes.has_link_type(link_type)
    with pytest.raises(ValueError, match="KPROBE_MULTI and UPROBE_MULTI, not XDP"):
        probes.has_session(LinkType.XDP)
    with pytest.raises(KeyError):
        probes.has_instructions("fly")
