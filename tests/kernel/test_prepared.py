"""Objects loaded in two steps, programs loaded twice, and what a program holds in the kernel."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from bpf2py import runtime
from bpf2py.runtime import ClosedError, LogLevel, VerifierError
from bpf2py.runtime.syscalls.map import map_ids
from bpf2py.spec import MapSpec, VariableSpec
from bpf2py.uapi import MapFlags, MapType, ProgFlags, ProgType
from generated_fixtures.callbacks_bpf import Callbacks
from generated_fixtures.globals_bpf import Globals
from generated_fixtures.maps_basic_bpf import MapsBasic
from generated_fixtures.struct_ops_bpf import StructOps
from tests.kernel.abilities import requires
from tests.kernel.conftest import missing
from tests.runtime.bpf_code import EXIT, REFUSED, an_object, array, code, mov, program

ROOT = Path(__file__).resolve().parents[2]
PACKET = bytes(64)


def test_a_prepared_object_has_maps_and_no_programs() -> None:
    with MapsBasic.spec().prepare() as prepared:
        names = list(prepared.programs)
        assert names
        assert not any(prepared.programs[name].loaded for name in names)
        with pytest.raises(ClosedError, match=r"not loaded yet: call load_programs\(\)"):
            prepared.programs[names[0]].fileno()
        with pytest.raises(ValueError, match=r"only prepared: call load_programs\(\) first"):
            prepared.attach()
        kept = prepared.programs[names[0]]
        ids = {prepared.maps[name].info().id for name in prepared.maps}
        prepared.load_programs()
        assert kept.loaded
        assert {prepared.maps[name].info().id for name in prepared.maps} == ids
        with pytest.raises(ValueError, match="loaded already"):
            prepared.load_programs()
        assert all(prepared.programs[name].loaded for name in names)
    assert not kept.loaded


def test_what_was_written_in_between_is_there_for_the_first_run() -> None:
    spec = Globals.spec()
    with spec.prepare() as prepared:
        prepared.bss.total = 41
        prepared.load_programs()
        assert prepared.bss.total == 41
        assert prepared.programs.change.run(PACKET).return_value == 0


def test_a_prepared_object_that_is_given_up_leaves_nothing() -> None:
    before = set(map_ids())
    prepared = runtime.prepare(an_object(array(), program()))
    (made,) = set(map_ids()) - before
    prepared.close()
    with pytest.raises(ClosedError):
        prepared.load_programs()
    deadline_free(made)


def deadline_free(map_id: int) -> None:
    """The kernel frees a map from a work queue, soon after the last descriptor."""
    import time

    end = time.monotonic() + 10
    while map_id in map_ids():
        assert time.monotonic() < end, "the map is still there"
        time.sleep(0.01)


def test_a_program_that_is_refused_closes_what_was_prepared() -> None:
    prepared = runtime.prepare(an_object(array(), program(REFUSED)))
    with pytest.raises(VerifierError, match="R0 !read_ok"):
        prepared.load_programs()
    assert prepared.closed
    with pytest.raises(ClosedError):
        prepared.maps["counts"].fileno()


def test_a_program_is_loaded_once_more_with_other_settings() -> None:
    with runtime.load(an_object(array(), program(name="first"))) as loaded:
        first = loaded.programs["first"]
        with loaded.clone(
            first, log_level=LogLevel.STATS, flags=ProgFlags.TEST_STATE_FREQ
        ) as again:
            assert type(again) is type(first)
            assert again.info().id != first.info().id
            assert again.info().tag == first.info().tag
            assert again.verifier_stats is not None
            assert again.verifier_stats.processed == 2
            assert again.spec.flags == ProgFlags.TEST_STATE_FREQ
            assert (first.spec.flags, first.verifier_stats) == (0, None)
        assert not again.loaded
        assert first.loaded


def test_a_program_that_was_switched_off_can_be_cloned_and_another_objects_not() -> None:
    spec = Globals.spec()
    spec.programs.change.autoload = False
    with spec.load() as loaded, runtime.load(an_object(program())) as other:
        with loaded.clone(loaded.programs.change) as change:
            assert change.run(PACKET).return_value == 0
        with pytest.raises(ValueError, match="is none of object 'globals'"):
            loaded.clone(other.programs["prog"])


def test_one_of_several_programs_of_a_struct_ops_can_be_cloned() -> None:
    requires("struct_ops links (6.4)")
    with StructOps.spec().load() as loaded:
        for program_ in (loaded.programs.on_init, loaded.programs.on_ssthresh):
            with loaded.clone(program_) as again:
                assert again.info().tag == program_.info().tag


def rodata(name: str = ".rodata") -> MapSpec:
    return MapSpec(
        name=name,
        map_type=MapType.ARRAY,
        key_size=4,
        value_size=4,
        max_entries=1,
        flags=MapFlags.RDONLY_PROG,
        section=name,
        data=bytearray(b"abcd"),
        variables={"bpf_metadata_a": VariableSpec(name="bpf_metadata_a", offset=0, size=4)},
    )


def test_constants_that_a_program_does_not_read_stay_with_it(bpffs: Path) -> None:
    """``const char bpf_metadata_…[]`` is for whoever finds the program later."""
    path = bpffs / "with_metadata"
    with runtime.load(an_object(rodata(), program())) as loaded:
        constants = loaded.maps[".rodata"].info().id
        assert loaded.programs["prog"].info().map_ids == (constants,)
        loaded.programs["prog"].pin(path)
    try:
        with runtime.XDP.open_pinned(path) as found:
            assert found.info().map_ids == (constants,)
    finally:
        path.unlink()


def test_the_name_of_an_object_begins_the_kernels_names_of_its_data() -> None:
    spec = an_object(rodata(), program())
    spec.name = "renamed"
    with runtime.load(spec) as loaded:
        assert loaded.maps[".rodata"].info().name == "renamed.rodata"


def test_a_program_is_bound_to_a_device(veth: tuple[str, str]) -> None:
    import socket

    spec = an_object(program())
    spec.programs["prog"].flags |= ProgFlags.XDP_DEV_BOUND_ONLY
    spec.programs["prog"].ifindex = socket.if_nametoindex(veth[0])
    try:
        loaded = runtime.load(spec)
    except OSError as exc:
        if exc.errno != errno.EINVAL:
            raise
        missing("programs bound to a device (6.3)")
    with loaded:
        bound = loaded.programs["prog"]
        assert isinstance(bound, runtime.XDP)
        with pytest.raises(OSError, match="refuses this program here"):
            bound.attach(veth[1])
        bound.attach(veth[0]).close()


def test_statistics_say_what_the_verifier_did() -> None:
    insns = code(*[mov(0, number) for number in range(100)], EXIT)
    with runtime.load(an_object(program(insns)), log_level=LogLevel.STATS) as loaded:
        stats = loaded.programs["prog"].verifier_stats
        assert stats is not None
        assert (stats.processed, stats.limit, stats.stack_depth) == (101, 1_000_000, (0,))
        assert loaded.programs["prog"].info().verified_insns in (101, 0)  # 0 before 5.16


def test_the_lines_that_keep_the_verifier_busy_come_first() -> None:
    requires("bpf_loop (5.17)")
    with Callbacks.spec().load(log_level=LogLevel.INSTRUCTIONS) as loaded:
        for name in loaded.programs:
            one = loaded.programs[name]
            lines = one.verified_lines
            assert lines
            assert list(lines.values()) == sorted(lines.values(), reverse=True)
            assert one.verifier_stats is not None
            # What is the same as before is looked at, but not printed.
            assert 0.8 < sum(lines.values()) / one.verifier_stats.processed <= 1


def test_without_a_log_a_refused_program_is_the_errno_alone() -> None:
    with pytest.raises(OSError, match="program 'prog'") as caught:
        runtime.load(an_object(program(REFUSED)), log_level=LogLevel.OFF)
    assert not isinstance(caught.value, VerifierError)


def test_rights_can_be_dropped_after_loading() -> None:
    """Who has the descriptors needs no capabilities for maps and variables any more (5.19)."""
    code_ = """
    import os
    from generated_fixtures.globals_bpf import Globals
    with Globals.spec().load() as loaded:
        os.setgroups([]), os.setgid(65534), os.setuid(65534)
        with open("/proc/self/status") as status:
            assert "CapEff:\\t0000000000000000" in status.read()
        loaded.bss.total = 7
        print(loaded.bss.total, loaded.maps[".bss"].info().key_size)
    """
    requires("arenas (6.9)")  # later than what is needed, and is probed already
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code_)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("7 4\n", "")


def test_types_of_programs_without_a_section_are_set_by_hand() -> None:
    spec = an_object(program(prog_type=ProgType.UNSPEC, section="my_own"))
    spec.programs["prog"].prog_type = ProgType.SOCKET_FILTER
    with runtime.load(spec) as loaded:
        assert isinstance(loaded.programs["prog"], runtime.SocketFilter)
