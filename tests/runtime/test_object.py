"""Objects, specs and their containers: names, typos, lifetimes."""

from __future__ import annotations

import copy
import errno
import pickle
from typing import TYPE_CHECKING

import pytest

from bpf2py import runtime, spec
from bpf2py.uapi import Cmd, ProgType
from generated_fixtures.section_kinds_bpf import SectionKinds
from tests.runtime.bpf_code import NOTHING, an_object, array, program
from tests.runtime.conftest import Attr, FakeKernel


class CountsMapSpecs(runtime.MapSpecs):
    counts: spec.MapSpec
    class_: spec.MapSpec
    renamed: spec.MapSpec

    if not TYPE_CHECKING:
        __c_names__ = {"renamed": "0-not-python"}


class CountsSpec(runtime.TypedSpec["Counts"]):
    maps: CountsMapSpecs

    def __init__(self, object_spec: spec.ObjectSpec) -> None:
        super().__init__(object_spec)
        self.maps = CountsMapSpecs(object_spec)
        self.programs = runtime.ProgramSpecs(object_spec)


class Counts(runtime.Object):
    def __init__(self, loaded: runtime.Loaded) -> None:
        super().__init__(loaded)
        self.maps = runtime.Maps(loaded)
        self.programs = runtime.Programs(loaded)


class Broken(runtime.Object):
    def __init__(self, loaded: runtime.Loaded) -> None:
        super().__init__(loaded)
        raise RuntimeError("cannot be built")


class BrokenSpec(runtime.TypedSpec[Broken]):
    pass


def counts_spec() -> CountsSpec:
    maps = [array(), array("class"), array("0-not-python")]
    return CountsSpec(an_object(*maps, program(), program(name="other")))


def test_specs_have_c_names_as_keys_and_python_names_as_attributes() -> None:
    typed = counts_spec()
    assert typed.maps.counts is typed.maps["counts"]
    assert typed.maps.class_ is typed.maps["class"]
    assert typed.maps.renamed is typed.maps["0-not-python"]
    assert list(typed.maps) == ["counts", "class", "0-not-python"]
    assert len(typed.programs) == 2
    assert "other" in typed.programs


def test_a_copy_of_a_typed_spec_is_a_description_of_its_own() -> None:
    typed = SectionKinds.spec()
    for made in (copy.deepcopy(typed), pickle.loads(pickle.dumps(typed))):
        assert type(made) is type(typed)
        made.bss.tp_hits = 5
        made.programs.on_tp_btf.autoload = False
        assert (made.bss.tp_hits, typed.bss.tp_hits) == (5, 0)
        assert made.object_spec.maps[".bss"].data != typed.object_spec.maps[".bss"].data
        assert not made.object_spec.programs["on_tp_btf"].autoload
        assert typed.programs.on_tp_btf.autoload


def test_a_spec_that_is_replaced_is_the_one_that_is_loaded(kernel: FakeKernel) -> None:
    typed = counts_spec()
    typed.maps.counts = array("counts", max_entries=77)
    assert typed.object_spec.maps["counts"].max_entries == 77
    typed.load().close()
    assert kernel.of(Cmd.MAP_CREATE)[0].u32(12) == 77


def test_a_typo_in_a_spec_names_what_there_is() -> None:
    typed = counts_spec()
    with pytest.raises(AttributeError, match="no map 'cuonts'; there are: counts, class"):
        typed.maps.cuonts  # type: ignore[attr-defined]  # noqa: B018
    with pytest.raises(AttributeError, match="no map 'cuonts'"):
        typed.maps.cuonts = array()  # type: ignore[attr-defined]
    with pytest.raises(KeyError, match="no program 'prg'; there are: prog, other"):
        typed.programs["prg"]


def test_a_typed_spec_loads_its_own_object_class(kernel: FakeKernel) -> None:
    with counts_spec().load() as loaded:
        assert type(loaded) is Counts
        assert loaded.name == "tests"
        assert list(loaded.programs) == ["prog", "other"]
    assert loaded.closed


@pytest.mark.usefixtures("no_open_files")
def test_an_object_class_that_cannot_be_built_leaves_nothing(kernel: FakeKernel) -> None:
    with pytest.raises(RuntimeError, match="cannot be built"):
        BrokenSpec(an_object(array(), program())).load()


def test_a_spec_without_its_object_class_says_so(kernel: FakeKernel) -> None:
    bare: runtime.TypedSpec[runtime.Object] = runtime.TypedSpec(an_object())
    with pytest.raises(TypeError, match="does not name its object"):
        bare.load()


def test_a_loaded_part_that_does_not_exist_names_those_that_do(kernel: FakeKernel) -> None:
    with counts_spec().load() as loaded:
        with pytest.raises(KeyError, match="no program 'prg'; there are: prog, other"):
            loaded.programs["prg"]
        with pytest.raises(AttributeError, match="no program 'prg'; there are"):
            loaded.programs.prg  # type: ignore[attr-defined]  # noqa: B018
        with pytest.raises(KeyError, match="object 'tests' has no map 'x'; there are: counts"):
            loaded._loaded.map("x")


def test_a_typed_part_is_the_one_found_by_its_c_name(kernel: FakeKernel) -> None:
    class Programs(runtime.Programs):
        def __init__(self, loaded: runtime.Loaded) -> None:
            super().__init__(loaded)
            self.prog_ = runtime.XDP(loaded.program("prog"))

    loaded = runtime.load(an_object(program()))
    with loaded:
        programs = Programs(loaded._loaded)
        assert programs["prog"] is programs.prog_


@pytest.mark.parametrize(
    ("prog_type", "name"),
    [
        (ProgType.XDP, "XDP"),
        (ProgType.SCHED_CLS, "SchedCLS"),
        (ProgType.SOCKET_FILTER, "SocketFilter"),
        (ProgType.TRACEPOINT, "Tracepoint"),
        (ProgType.RAW_TRACEPOINT_WRITABLE, "RawTracepoint"),
        (ProgType.KPROBE, "Program"),
        (4711, "Program"),
    ],
)
def test_a_program_is_in_the_class_of_its_kind(
    kernel: FakeKernel, prog_type: int, name: str
) -> None:
    with runtime.load(an_object(program(NOTHING, prog_type=prog_type))) as loaded:
        assert type(loaded.programs["prog"]).__name__ == name


@pytest.mark.usefixtures("no_open_files")
def test_attaching_stops_at_the_first_refusal_and_takes_back_the_rest(kernel: FakeKernel) -> None:
    def only_one(attr: Attr) -> int:
        return -errno.EEXIST if len(kernel.of(Cmd.RAW_TRACEPOINT_OPEN)) > 1 else kernel.descriptor()

    kernel.handlers[Cmd.RAW_TRACEPOINT_OPEN] = only_one
    parts = [
        program(NOTHING, name=name, prog_type=ProgType.RAW_TRACEPOINT, attach_to="sched_switch")
        for name in ("first", "second", "third")
    ]
    with runtime.load(an_object(*parts)) as loaded:
        with pytest.raises(FileExistsError, match="second"):
            loaded.attach()
        assert not loaded.links
        assert len(kernel.of(Cmd.RAW_TRACEPOINT_OPEN)) == 2


@pytest.mark.usefixtures("no_open_files")
def test_leaving_the_links_detaches_and_leaves_the_object_open(kernel: FakeKernel) -> None:
    part = program(NOTHING, prog_type=ProgType.RAW_TRACEPOINT, attach_to="sched_switch")
    with runtime.load(an_object(part)) as loaded:
        with loaded.attach() as links:
            link = links["prog"]
        assert link.closed
        assert not loaded.closed
        with loaded.attach() as links:
            assert links["prog"] is not link


def test_no_method_stands_where_a_c_name_could() -> None:
    for container in (runtime.MapSpecs, runtime.ProgramSpecs, runtime.Maps, runtime.Programs):
        public = [name for name in dir(container) if not name.startswith("_")]
        assert public == []
