"""Attaching on the real kernel, each kind by what its program then counts."""

from __future__ import annotations

import gc
import warnings
from pathlib import Path

import pytest

from bpf2py import runtime
from bpf2py.runtime.syscalls import obj
from bpf2py.uapi import AttachType, LinkType, ProgType
from tests.kernel.abilities import has, requires
from tests.kernel.conftest import missing
from tests.kernel.counting import call_getpgid, count, counter, stops
from tests.runtime.bpf_code import (
    EXIT,
    an_object,
    code,
    mov,
    program,
)

TRACEPOINT = (ProgType.TRACEPOINT, "tp/syscalls/sys_enter_getpgid", "syscalls/sys_enter_getpgid")


@pytest.mark.usefixtures("tracefs")
def test_a_tracepoint_program_runs_while_it_is_attached() -> None:
    with runtime.load(an_object(*counter(*TRACEPOINT))) as loaded:
        with loaded.attach() as links:
            assert list(links) == ["count"]
            before = count(loaded)
            call_getpgid(100)
            assert count(loaded) >= before + 100
            if has("links for perf events (5.15)"):
                info = links["count"].info()
                assert info.link_type == LinkType.PERF_EVENT
                assert info.prog_id == loaded.programs["count"].info().id
        after = count(loaded)
        call_getpgid(100)
        assert count(loaded) == after
        assert not loaded.links


@pytest.mark.usefixtures("tracefs")
def test_a_tracepoint_works_without_links_for_perf_events(monkeypatch: pytest.MonkeyPatch) -> None:
    def old_kernel(*_: object, **__: object) -> int:
        raise OSError(22, "Invalid argument")

    monkeypatch.setattr("bpf2py.runtime.links.perf_event.link_create", old_kernel)
    monkeypatch.setattr("bpf2py.runtime.features.has_perf_event_links", lambda: False)
    with runtime.load(an_object(*counter(*TRACEPOINT))) as loaded:
        with loaded.attach():
            call_getpgid(10)
            assert count(loaded) >= 10
        after = count(loaded)
        call_getpgid(10)
        assert count(loaded) == after
        with pytest.raises(runtime.NotSupportedError, match=r"cookies of perf events.*5\.15"):
            loaded.programs["count"].attach(cookie=1)  # type: ignore[attr-defined]


@pytest.mark.usefixtures("tracefs")
@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("syscalls/sys_enter_nothing", "has other names in 'syscalls'"),
        ("nowhere/nothing", "has no category 'nowhere'"),
    ],
)
def test_a_tracepoint_that_does_not_exist_is_named(where: str, message: str) -> None:
    with runtime.load(an_object(*counter(*TRACEPOINT))) as loaded:
        prog = loaded.programs["count"]
        assert isinstance(prog, runtime.Tracepoint)
        with pytest.raises(FileNotFoundError, match=message):
            prog.attach(where)
        with pytest.raises(ValueError, match="say 'category/name'"):
            prog.attach("../../etc/passwd")


def test_without_tracefs_the_mount_command_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bpf2py.runtime.kernel.TRACEFS_PATHS", ("/nonexistent/tracing",))
    with (
        runtime.load(an_object(*counter(*TRACEPOINT))) as loaded,
        pytest.raises(FileNotFoundError, match="mount -t tracefs tracefs /nonexistent/tracing"),
    ):
        loaded.attach()


def test_a_raw_tracepoint_program_runs_while_it_is_attached() -> None:
    parts = counter(ProgType.RAW_TRACEPOINT, "raw_tp/sys_enter", "sys_enter")
    with runtime.load(an_object(*parts)) as loaded:
        with loaded.attach() as links:
            before = count(loaded)
            call_getpgid(100)
            assert count(loaded) >= before + 100
            info = links["count"].info()
            assert (info.link_type, info.target) == (LinkType.RAW_TRACEPOINT, "sys_enter")
        prog = loaded.programs["count"]
        assert isinstance(prog, runtime.RawTracepoint)
        with pytest.raises(FileNotFoundError, match="no such raw tracepoint"):
            prog.attach("no_such_tracepoint")


def test_a_btf_tracepoint_program_finds_its_target_and_runs() -> None:
    parts = counter(
        ProgType.TRACING, "tp_btf/sys_enter", "sys_enter", attach_type=AttachType.TRACE_RAW_TP
    )
    with runtime.load(an_object(*parts)) as loaded:
        if has("attach targets in program information (5.19)"):
            assert loaded.programs["count"].info().attach_btf_id > 0
        with loaded.attach():
            before = count(loaded)
            call_getpgid(100)
            assert count(loaded) >= before + 100


def test_a_btf_target_that_is_misspelt_comes_with_the_nearest() -> None:
    name = "sched_swich"
    parts = counter(ProgType.TRACING, f"tp_btf/{name}", name, attach_type=AttachType.TRACE_RAW_TP)
    with pytest.raises(FileNotFoundError, match=r"its loaded modules; nearest: .*sched_switch"):
        runtime.load(an_object(*parts))


def test_a_target_in_a_module_that_is_not_loaded_says_so() -> None:
    name = "bpf2py_none:schedule"
    parts = counter(ProgType.TRACING, f"fexit/{name}", name, attach_type=AttachType.TRACE_FEXIT)
    with pytest.raises(FileNotFoundError, match="module 'bpf2py_none' is not loaded"):
        runtime.load(an_object(*parts))


def test_a_btf_target_the_kernel_does_not_have_is_named() -> None:
    parts = counter(ProgType.TRACING, "tp_btf/nope", "nope", attach_type=AttachType.TRACE_RAW_TP)
    with pytest.raises(FileNotFoundError, match="no tracepoint 'nope' in the BTF"):
        runtime.load(an_object(*parts))


def test_a_function_program_runs_or_the_kernel_is_blamed() -> None:
    parts = counter(
        ProgType.TRACING,
        "fentry/__x64_sys_getpgid",
        "__x64_sys_getpgid",
        attach_type=AttachType.TRACE_FENTRY,
    )
    refusal = ""
    try:
        with runtime.load(an_object(*parts)) as loaded, loaded.attach():
            call_getpgid(100)
            assert count(loaded) >= 100
    except PermissionError as exc:
        refusal = str(exc)
    if refusal:
        assert "refuses programs of type TRACING with attach type TRACE_FENTRY" in refusal
        missing("function programs (fentry)")


@pytest.mark.usefixtures("tracefs")
def test_a_pinned_tracepoint_link_goes_on_counting(bpffs: Path) -> None:
    requires("links for perf events (5.15)")
    path = bpffs / "tracepoint"
    with runtime.load(an_object(*counter(*TRACEPOINT))) as loaded:
        with loaded.attach() as links:
            links["count"].pin(path)
        before = count(loaded)
        call_getpgid(10)
        assert count(loaded) >= before + 10
        path.unlink()
        # The last holder of a link may be let go of later (bpf_link_put()).
        assert stops(loaded, lambda: call_getpgid(1))


def test_a_section_that_cannot_be_attached_yet_is_not_passed_over_in_silence() -> None:
    spec = program(
        code(mov(0, 0), EXIT),
        prog_type=ProgType.KPROBE,
        section="kprobe/do_unlinkat",
        attach_to="do_unlinkat",
    )
    with runtime.load(an_object(spec)) as loaded:
        with pytest.raises(NotImplementedError, match=r"'kprobe/do_unlinkat' yet.*autoattach = F"):
            loaded.attach()
        loaded.programs["prog"].spec.autoattach = False
        assert not loaded.attach()


@pytest.mark.usefixtures("tracefs")
def test_attaching_is_all_or_nothing() -> None:
    bss, good = counter(*TRACEPOINT)
    bad = program(
        code(mov(0, 0), EXIT),
        name="bad",
        prog_type=ProgType.TRACEPOINT,
        section="tp/nowhere/nothing",
        attach_to="nowhere/nothing",
    )
    with runtime.load(an_object(bss, good, bad)) as loaded:
        with pytest.raises(FileNotFoundError, match="nowhere"):
            loaded.attach()
        assert not loaded.links
        before = count(loaded)
        call_getpgid(10)
        assert count(loaded) == before


@pytest.mark.usefixtures("tracefs")
def test_attaching_twice_leaves_one_link_and_autoattach_can_be_off() -> None:
    bss, prog = counter(*TRACEPOINT)
    other = counter(*TRACEPOINT, name="other")[1]
    other.autoattach = False
    with runtime.load(an_object(bss, prog, other)) as loaded:
        loaded.attach()
        link = loaded.links["count"]
        loaded.attach()
        assert loaded.links["count"] is link
        assert list(loaded.links) == ["count"]
        with pytest.raises(KeyError, match="no link of program 'other'; there are: count"):
            loaded.links["other"]


@pytest.mark.usefixtures("tracefs")
def test_closing_the_object_detaches() -> None:
    requires("links for perf events (5.15)")
    loaded = runtime.load(an_object(*counter(*TRACEPOINT)))
    link = loaded.attach()["count"]
    number = link.info().id
    loaded.close()
    assert link.closed
    assert number not in set(obj.link_ids())
    with pytest.raises(runtime.ClosedError, match="closed"):
        link.info()


def test_a_forgotten_link_warns_and_names_what_it_was() -> None:
    parts = counter(ProgType.RAW_TRACEPOINT, "raw_tp/sys_enter", "sys_enter")
    with runtime.load(an_object(*parts)) as loaded:
        prog = loaded.programs["count"]
        assert isinstance(prog, runtime.RawTracepoint)
        link = prog.attach()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            del link
            gc.collect()
    assert any("unclosed raw tracepoint program 'count'" in str(w.message) for w in caught)
