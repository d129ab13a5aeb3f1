"""The comparison with libbpf: ``python -m tests.oracle [--table FILE] [--results FILE] FOLDER...``

Each folder in FOLDER is a collection; every object of it (``*.o``, ``*.elf``) is loaded with libbpf
and with us.  What differs is printed; with ``--table``, the whole result is written as a page, and
with ``--results`` for ``python -m tests.oracle.table``, which makes one page of several runs.
"""

from __future__ import annotations

import argparse
import os
import platform
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from . import libbpf_loader, recorder
from .compare import STUMBLES, Result, Verdict, compare_all
from .table import Run, write_table

#: So many objects are given to one process.
_CHUNK = 16


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    parser.add_argument("--table", type=Path, help="where to write the result, as Markdown")
    parser.add_argument("--results", type=Path, help="where to write it, to be put together later")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument(
        "--without", type=int, default=STUMBLES, help="leave out so many programs of an object"
    )
    options = parser.parse_args()
    if os.geteuid():
        raise SystemExit("objects are loaded into the kernel: run it as root")
    collections = {
        place.name: sorted(p for p in place.rglob("*") if p.suffix in (".o", ".elf"))
        for folder in options.folders
        for place in sorted(folder.iterdir())
        if place.is_dir()
    }
    recorder(), libbpf_loader()  # once, not by each thread
    verdicts: dict[str, list[Verdict]] = {}
    run = Run("", platform.release().partition("-")[0], verdicts)
    with ThreadPoolExecutor(options.jobs) as pool:
        for name, files in collections.items():
            chunks = [files[at : at + _CHUNK] for at in range(0, len(files), _CHUNK)]
            verdicts[name] = []
            compared = partial(compare_all, stumbles=options.without)
            for its_version, found in pool.map(compared, chunks):
                run.version = its_version
                verdicts[name] += found
            if options.results:
                run.save(options.results)
            counts = Counter(verdict.result for verdict in verdicts[name])
            print(
                f"{name}: " + ", ".join(f"{counts[r]} {r}" for r in Result if counts[r]), flush=True
            )
            for verdict in verdicts[name]:
                if verdict.result not in (Result.LOADED, Result.REFUSED):
                    print(f"  {verdict.path.name}: {verdict.result}")
                    for line in verdict.differences[:6]:
                        print(f"    {line[:400]}")
    if options.table:
        write_table(options.table, [run])


if __name__ == "__main__":
    main()
