"""Global variables: what the source says, what is set before loading, what programs change."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bpf2py import runtime
from generated_fixtures.custom_bss_bpf import CustomBss
from generated_fixtures.globals_bpf import Globals, GlobalsSpec, Limits, Mode
from generated_fixtures.names_keywords_bpf import NamesKeywords
from generated_fixtures.types_bitfields_bpf import Negative, Small, TypesBitfields
from generated_fixtures.types_enums_bpf import TypesEnums
from generated_fixtures.types_misc_bpf import TypesMisc
from generated_fixtures.types_structs_bpf import TypesStructs
from generated_fixtures.types_unions_bpf import TypesUnions

SOURCE = Path(__file__).parents[2] / "generated_fixtures" / "globals.bpf.c"
PACKET = bytes(64)
#: What a socket filter sees of PACKET: the Ethernet header is taken off.
SEEN = 50


@pytest.fixture
def loaded() -> Iterator[Globals]:
    with Globals.spec().load() as loaded:
        yield loaded


def run(program: runtime.SocketFilter) -> None:
    """Run a program that returns 0 or the line of a check that failed."""
    line = program.run(PACKET).return_value
    text = SOURCE.read_text().splitlines()[line - 1].strip() if line else ""
    assert line == 0, f"{SOURCE.name}:{line}: {text}"


def change(spec: GlobalsSpec) -> None:
    """Everything that ``check_changed`` expects."""
    spec.rodata.enabled = False
    spec.rodata.tiny = 1
    spec.rodata.negative = 32767
    spec.rodata.target_pid = 0xFFFFFFFE
    spec.rodata.threshold_ns = 0x8000000000000001
    spec.rodata.mode = Mode.MODE_ON
    spec.rodata.label = "changed label !"
    spec.rodata.mac = b"\xff\1\2\3\4\0"
    spec.rodata.ports = [1, 2, 3, 4]
    spec.rodata.limits = Limits(low=5, high=6, unit="us")
    spec.rodata.ratio = -1.0
    spec.rodata.precise = 0.1
    spec.rodata_config.config_level = 9
    spec.rodata_config.config_name = "x"
    spec.data.counter = 1000
    spec.data.balance = -1000
    spec.data.greeting = "HELLO"
    spec.data.switched = False
    spec.data.hidden = 1
    spec.data.wide = (1 << 64) | 2
    spec.data.scale = 3.0
    spec.data.pointer = 0xFFFF888000000000
    spec.data_custom.custom = 5


def test_unchanged_variables_have_the_values_of_the_source(loaded: Globals) -> None:
    run(loaded.programs.check_defaults)
    assert loaded.programs.check_changed.run(PACKET).return_value > 0  # the other check can fail


def test_variables_set_before_loading_reach_the_program() -> None:
    spec = Globals.spec()
    change(spec)
    with spec.load() as loaded:
        run(loaded.programs.check_changed)
        assert loaded.programs.check_defaults.run(PACKET).return_value > 0


def test_one_spec_loads_twice_and_the_objects_share_nothing() -> None:
    spec = Globals.spec()
    with spec.load() as first, spec.load() as second:
        run(first.programs.change)
        assert first.data.counter == 42
        assert second.data.counter == 41


def test_constants_read_back_as_they_were_set(loaded: Globals) -> None:
    assert loaded.rodata.enabled is True
    assert loaded.rodata.negative == -300
    assert loaded.rodata.mode is Mode.MODE_AUTO
    assert loaded.rodata.label == "default"
    assert loaded.rodata.mac == bytes.fromhex("020000aabbcc")
    assert loaded.rodata.ports == [80, 443, 0, 0]
    assert loaded.rodata.limits == Limits(low=10, high=-20, unit="ms")
    assert loaded.rodata.ratio == 0.5
    assert loaded.rodata.precise == -2.25
    assert loaded.rodata_config.config_name == "cfg"


def test_what_a_program_changes_is_read_live(loaded: Globals) -> None:
    assert loaded.data.wide == 0x00112233445566778899AABBCCDDEEFF
    run(loaded.programs.change)
    assert loaded.data.counter == 42
    assert loaded.data.balance == 7
    assert loaded.data.window == Limits(low=1, high=-99, unit="h")
    assert loaded.data.greeting == "Jello"
    assert loaded.data.switched is False
    assert loaded.data.hidden == 100
    assert loaded.data.scale == -2.5
    assert loaded.data.pointer == 0xDEADBEEF
    assert loaded.data.wide == (0x0011223344556677 << 64) | 7
    assert loaded.data_custom.custom == 0xBADCAFE
    assert loaded.bss.total == SEEN
    assert loaded.bss.matrix == [[0, 1, 0], [0, 0, 12]]
    assert loaded.bss.list.next == 0x1000
    assert loaded.bss.list.owner == 2**64 - 1
    assert loaded.bss.last_mode is Mode.MODE_AUTO
    assert loaded.bss.seen is True
    assert loaded.bss.last_comm == "ok"
    assert loaded.bss.hidden_zero == 65535
    run(loaded.programs.change)
    assert loaded.bss.total == 2 * SEEN
    assert loaded.data.counter == 43


def test_what_is_written_live_is_what_the_program_goes_on_with(loaded: Globals) -> None:
    loaded.data.counter = 99
    loaded.data.balance = -(2**31) + 1
    loaded.data.greeting = "abcd"
    loaded.bss.total = 2**64 - 1
    run(loaded.programs.change)
    assert loaded.data.counter == 100
    assert loaded.data.balance == 2**31 - 1
    assert loaded.data.greeting == "Jbcd"
    assert loaded.bss.total == SEEN - 1


def test_zeroed_sections_of_any_name_are_maps() -> None:
    with CustomBss.spec().load() as loaded:
        assert loaded.programs.set.run(PACKET).return_value == 0
        assert loaded.bss.usual == 1
        assert loaded.bss_x.zeroed == 2**64 - 2
        assert loaded.bss_x.more == [0, 0, 0, 0xFFFFFFFF]
        assert loaded.bss_other.other.b == 513


def test_bitfields_that_c_wrote_are_read_by_their_offsets() -> None:
    with TypesBitfields.spec().load() as loaded:
        assert loaded.programs.set.run(PACKET).return_value == 0
        tcp = loaded.bss.tcp
        assert (tcp.doff, tcp.syn, tcp.cwr, tcp.window) == (5, 1, 1, 0xFFFF)
        assert (tcp.res1, tcp.fin, tcp.rst, tcp.psh, tcp.ack, tcp.urg, tcp.ece) == (0,) * 7
        kinds = loaded.bss.kinds
        assert (kinds.u1, kinds.u31, kinds.s2) == (0, 0x7FFFFFFE, -2)
        assert kinds.e is Small.SMALL_C
        assert kinds.n is Negative.MINUS
        assert kinds.b is True
        assert (kinds.after_gap, kinds.next_unit) == (33, 300)
        assert (kinds.u64_63, kinds.u64_1) == ((1 << 62) + 1, 1)
        assert (kinds.c, kinds.s8_8, kinds.u16_16) == (-5, -100, 60000)
        assert (kinds.u32_32, kinds.s64_64) == (4000000000, -9)
        tight = loaded.bss.tight
        assert (tight.a, tight.b, tight.c) == (1, 0x4321, 0x7ABCDEF1)
        assert (tight.d, tight.e, tight.f) == (0x1FEDCBA98765432, 0x55, -65535)
        nested = loaded.bss.nested
        assert (nested.head, nested.x, nested.y, nested.z) == (9, 17, -30, 99)
        assert (nested.w & 0x7F) == 99  # the same storage, whole
        assert nested.kinds[1].after_gap == 7
        assert (loaded.bss.aliased.f, loaded.bss.aliased.v) == (5, 0x98765)


def test_bitfields_that_python_writes_keep_their_neighbours() -> None:
    with TypesBitfields.spec().load() as loaded:
        loaded.programs.set.run(PACKET)
        kinds = loaded.bss.kinds
        before = kinds.u64_63
        kinds.u64_1 = 0
        kinds.s2 = 1
        loaded.bss.kinds = kinds
        again = loaded.bss.kinds
        assert again == kinds
        assert (again.u64_63, again.u64_1, again.s2) == (before, 0, 1)


def test_union_members_are_views_of_one_storage() -> None:
    with TypesUnions.spec().load() as loaded:
        assert loaded.programs.set.run(PACKET).return_value == 0
        variable = loaded.bss.variable
        assert (variable.s, variable.u) == (-1, 2**64 - 1)
        assert bytes(variable) == b"\xff" * 8
        tagged = loaded.bss.tagged
        assert (tagged.tag, tagged.number.d) == (3, 3.141592653589793)
        assert tagged.numbers[2].raw == b"\0" * 7 + b"\x80"
        assert tagged.numbers[2].s == -(2**63)
        assert tagged.inline_named.a == 0x20000
        assert loaded.bss.has_empty.bits.wide == 0x2AAAAAAA
        assert loaded.bss.has_empty.odd.bytes == "\0\0\0\0z".partition("\0")[0]
        ((key, value),) = loaded.maps.by_address.items()
        assert key.v6 == [1, 0, 0, 4]
        assert value == tagged


def test_nested_structs_that_c_wrote_are_read_to_their_depth() -> None:
    with TypesStructs.spec().load() as loaded:
        assert loaded.programs.set.run(PACKET).return_value == 0
        outer = loaded.bss.outer
        assert (outer.leaf.b, outer.leaves[2].a) == (1, 2)
        assert (outer.one, outer.two, outer.three) == (11, 22, 33)
        assert outer.unnamed_type.deeper.deep == 44
        assert outer.unnamed_list[1].n == 55
        assert outer.grid[1][2][3] == 123
        assert outer.lines == ["", "", "q"]
        assert outer.end == 66
        line = loaded.bss.line
        assert (line.a, line.b, line.tight.leaf.b, line.tight.c) == (1, 2, 3, 4)
        assert loaded.bss.tree.value == -5
        ((key, value),) = loaded.maps.outers.items()
        assert (key.a, key.b) == (7, 8)
        assert value == outer


def test_enums_are_members_and_unknown_numbers_stay_numbers() -> None:
    with TypesEnums.spec().load() as loaded:
        assert loaded.programs.set.run(PACKET).return_value == 0
        uses = loaded.bss.uses
        assert (uses.plain, uses.below, uses.doubled, uses.byte) == (2, -5, 1, 200)
        assert (uses.ones, uses.wide, uses.wide_signed) == (2**32 - 1, 2**63, -(2**63) + 1)
        assert (uses.aliased, uses.inline_enum) == (9, 5)
        assert [type(value) for value in (uses.flags, uses.list[1])] == [int, int]
        assert (uses.flags, uses.list[1]) == (8, 77)
        assert type(uses.plain).__name__ == "Plain"
        assert dict(loaded.maps.by_wide.items()) == {2**63: -5}
        assert (loaded.data.wide_variable, loaded.data.below_variable) == (2**64 - 1, -5)


def test_typedefs_qualifiers_and_pointers_are_what_they_name() -> None:
    with TypesMisc.spec().load() as loaded:
        assert loaded.programs.set.run(PACKET).return_value == SEEN + 1
        assert loaded.bss.pointers.anything == 2**64 - 1
        assert loaded.bss.pointers.twice == 8
        numbers = loaded.data.numbers
        assert (numbers.u128, numbers.s128, numbers.sc) == ((1 << 127) + 1, -1, -3)
        assert (numbers.f, numbers.d, numbers.port) == (0.25, -1e300, 0x5000)
        aliases = loaded.maps.users[5]
        assert (aliases.user, aliases.only.id, aliases.twice.at, aliases.line) == (1, 3, 4, "L")
        assert aliases.digest == b"\0" * 15 + b"\5"
        assert aliases.digests[1] == b"\6" + b"\0" * 15
        assert loaded.data.qualified.name == "const"
        assert loaded.data.line == "a line"
        assert loaded.bss.tagged.address == 0x7F000001


def test_names_that_python_cannot_have_are_escaped_and_work() -> None:
    with NamesKeywords.spec().load() as loaded:
        assert loaded.programs.yield_.run(PACKET).return_value == 1
        assert loaded.programs["raise"].run(PACKET).return_value == 2
        assert loaded.bss.import_ == 1
        assert loaded.bss.print == 8
        inner = loaded.bss.list_variable.object
        assert (inner.def__, inner.None__, inner.self_) == (1, 2, 5)
        loaded.maps.lambda_[3] = inner
        assert loaded.maps["lambda"][3] == inner
