"""The large run of the layout oracle: ``python -m tests.layouts [--types N] [--seed N]``.

Types by the hundred in both byte orders.  For big-endian types the bytes that clang wrote are read
and packed here; with ``--emulator 'qemu-s390x-static -L ROOT ROOT/usr/bin/python3.11'`` the
generated modules and C code for s390x run on a big-endian Python (needs s390x-linux-gnu-ld).
"""

from __future__ import annotations

import argparse
import multiprocessing
import shlex
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from ..support.llvm import clangs
from .batch import ByteOrder, compare, draw

BATCH = 40


def _work(
    job: tuple[int, int, ByteOrder, str, Sequence[str]],
) -> tuple[ByteOrder, int, int, list[str]]:
    seed, count, byte_order, clang, emulator = job
    targets = draw(count, seed)
    leaves = sum(len(target.leaves) for target in targets)
    with tempfile.TemporaryDirectory() as folder:
        try:
            problems = compare(
                targets, Path(folder), clang, byte_order,
                running=byte_order == sys.byteorder, emulator=emulator,
            )  # fmt: skip
        except Exception as error:
            problems = [f"seed {seed}: {type(error).__name__}: {error}"]
    return byte_order, len(targets), leaves, [f"seed {seed}: {text}" for text in problems]


def main() -> None:
    """The command; see above."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--types", type=int, default=600, help="in each byte order")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--clang", default=clangs()[max(clangs(), default=0)])
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--emulator", type=shlex.split, default=[])
    options = parser.parse_args()
    start = time.monotonic()
    orders: tuple[ByteOrder, ...] = ("little", "big")
    jobs = [
        (options.seed + first // BATCH, BATCH, order, options.clang, options.emulator)
        for first in range(0, options.types, BATCH)
        for order in orders
    ]
    counts = {order: [0, 0] for order in orders}
    wrong: list[str] = []
    context = multiprocessing.get_context("fork")
    with context.Pool(options.processes, maxtasksperchild=1) as pool:
        for number, (order, types, leaves, problems) in enumerate(
            pool.imap_unordered(_work, jobs), 1
        ):
            counts[order][0] += types
            counts[order][1] += leaves
            wrong += problems
            print(f"\r{number} of {len(jobs)} batches", end="", file=sys.stderr, flush=True)
    for order, (types, leaves) in counts.items():
        print(f"\n{order}: {types} types, {leaves} leaves", end="")
    print(f"; {len(wrong)} disagree; {time.monotonic() - start:.0f} s")
    if wrong:
        sys.exit("\n\n".join(wrong))


if __name__ == "__main__":
    main()
