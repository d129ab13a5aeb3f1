"""The generator's own compression: read back by zlib, and the same everywhere."""

from __future__ import annotations

import hashlib
import random
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpf2py.codegen.deflate import compress

FIXTURES = Path(__file__).resolve().parents[2] / "generated_fixtures"
REPETITIVE = st.lists(st.binary(min_size=1, max_size=9), max_size=5).flatmap(
    lambda parts: st.lists(st.sampled_from(parts or [b"x"]), max_size=200).map(b"".join)
)


@given(st.binary(max_size=600) | REPETITIVE)
def test_zlib_reads_back_what_was_compressed(data: bytes) -> None:
    assert zlib.decompress(compress(data)) == data


@pytest.mark.parametrize("length", [0, 1, 2, 3, 257, 258, 259, 260, 32767, 32768, 32769, 70000])
def test_runs_of_every_critical_length_are_read_back(length: int) -> None:
    for data in (bytes(length), bytes(range(256)) * (length // 256 + 1)):
        assert zlib.decompress(compress(data[:length])) == data[:length]


def test_counts_that_ask_for_codes_longer_than_allowed_are_read_back() -> None:
    first, second = 1, 1
    parts = bytearray()
    rng = random.Random(1)
    for symbol in range(22):  # Fibonacci: the deepest tree there is
        parts += bytes([symbol]) * first
        first, second = second, first + second
    shuffled = bytearray(parts)
    rng.shuffle(shuffled)
    assert zlib.decompress(compress(bytes(shuffled))) == shuffled


@pytest.mark.parametrize("name", ["types_check.bpf.o", "section_names.bpf.o", "big_program.bpf.o"])
def test_objects_become_nearly_as_small_as_with_zlib(name: str) -> None:
    data = (FIXTURES / name).read_bytes()
    ours = compress(data)
    assert zlib.decompress(ours) == data
    assert len(ours) < 1.05 * len(zlib.compress(data, 9)) + 16


def test_the_result_is_the_one_it_has_always_been() -> None:
    data = bytes(random.Random(7).choices(b"abcde", k=5000)) * 2
    digest = hashlib.sha256(compress(data)).hexdigest()
    assert digest[:16] == "e43071850e7115a3"
