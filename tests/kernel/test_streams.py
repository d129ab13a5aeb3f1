"""What programs print into their own streams, and what the kernel says of them there."""

from __future__ import annotations

import pytest

from bpf2py import runtime
from bpf2py.asm import Instruction
from bpf2py.runtime import NotSupportedError
from bpf2py.uapi import ProgFlags, ProgType
from generated_fixtures.arena_bpf import Arena
from generated_fixtures.streams_bpf import Streams
from tests.kernel.abilities import has, requires
from tests.runtime.bpf_code import EXIT, an_object, code, jump, mov, program

#: ``may_goto`` out of the loop: BPF_JMP | BPF_JCOND.
MAY_LEAVE = Instruction(0xE5, 0, 0, 1, 0)


def test_a_program_that_said_nothing_has_nothing_to_read() -> None:
    with runtime.load(an_object(program())) as loaded:
        silent = loaded.programs["prog"]
        if has("streams of programs (6.17)"):
            assert (silent.read_stdout(), silent.read_stderr()) == ("", "")
        else:
            with pytest.raises(NotSupportedError, match=r"streams of programs \(Linux 6.17"):
                silent.read_stdout()


def test_what_a_program_prints_is_read_once() -> None:
    requires("memory for streams of programs (6.17)")
    with Streams.spec().load() as loaded:
        say = loaded.programs.say
        for _ in range(2):
            assert say.run().return_value == 0
        assert say.read_stdout() == "number 42\nnumber 42\n"
        assert say.read_stderr() == "number 7\nnumber 7\n"
        assert (say.read_stdout(), say.read_stderr()) == ("", "")


def test_more_than_one_read_takes_is_read_whole() -> None:
    requires("memory for streams of programs (6.17)")
    with Streams.spec().load() as loaded:
        for _ in range(8000):
            loaded.programs.say.run()
        text = loaded.programs.say.read_stdout()
        assert set(text.splitlines()) == {"number 42"}
        assert len(text) > 1 << 16


def test_the_kernel_says_why_a_loop_was_left() -> None:
    requires("memory for streams of programs (6.17)")
    spec = an_object(
        program(
            code(mov(0, 0), MAY_LEAVE, jump(-2), EXIT),
            prog_type=ProgType.SYSCALL,
            section="syscall",
        )
    )
    spec.programs["prog"].flags = ProgFlags.SLEEPABLE
    with runtime.load(spec) as loaded:
        loaded.programs["prog"].run()
        assert "Timeout detected for may_goto" in loaded.programs["prog"].read_stderr()


def test_the_kernel_says_which_arena_page_is_not_there() -> None:
    requires("arenas (6.9)", "memory for streams of programs (6.17)")
    with Arena.spec().load() as loaded:
        loaded.arena.first = 0x5000_0000_5000
        loaded.programs.walk.run()
        assert "unmapped address 0x500000005008" in loaded.programs.walk.read_stderr()
