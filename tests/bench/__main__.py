"""Runs the benchmark: ``python -m tests.bench [--rounds N] [--only WORD] [--json FILE]``.

Every job runs once per round for every peer, peers in turn, so that a machine whose speed drifts
slows all of them alike; what counts is the ratio of minima (and of medians) to libbpf in the same
run.  Peers are separate processes.  Python peers run in a fresh virtual environment with nothing
but the package in it and the byte code cached.  Maps and programs that peers share are made here
once and inherited as file descriptors.  ``--only generat`` needs no root.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
import venv
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from . import generating
from .shared_objects import SharedObjects, shared_objects

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
WORK = ROOT / ".bench"
FIXTURES = ROOT / "generated_fixtures"
ENTRIES = 1_000_000
EVENTS = 100_000


@dataclass(slots=True)
class Environment:
    """What the peers run with: their interpreters, programs and the kernel objects they share."""

    python: Path
    libbpf: Path | None
    shared: SharedObjects | None
    cache: Path
    missing: frozenset[str]


@dataclass(slots=True, frozen=True)
class Peer:
    """One peer of one job: the command, and whether the answer is printed or is the wall time.

    With *calls* it is how many system calls the whole process makes whose names begin so.
    """

    name: str
    command: Callable[[Environment], list[str]]
    wall: bool = False
    cold: bool = False
    #: Where it runs, if that is not anywhere; it then imports the package from this checkout.
    folder: Path | None = None
    calls: str | None = None
    #: Which files of the cache go before each round.
    forget: str = ""


@dataclass(slots=True, frozen=True)
class Job:
    name: str
    unit: str
    peers: tuple[Peer, ...]
    divide: float = 1.0
    note: str = ""


def _ours(
    *words: str,
    wall: bool = False,
    cold: bool = False,
    calls: str | None = None,
    forget: str = "",
    name: str = "bpf2py",
) -> Peer:
    def command(env: Environment) -> list[str]:
        return [str(env.python), "-P", str(HERE / "peer_bpf2py.py"), *_filled(words, env)]

    return Peer(name, command, wall, cold, calls=calls, forget=forget)


def _ctypes(*words: str, wall: bool = False) -> Peer:
    def command(env: Environment) -> list[str]:
        return [str(env.python), "-P", str(HERE / "peer_ctypes.py"), *_filled(words, env)]

    return Peer("raw ctypes", command, wall)


def _libbpf(
    *words: str, wall: bool = False, calls: str | None = None, name: str = "libbpf"
) -> Peer:
    def command(env: Environment) -> list[str]:
        return [str(env.libbpf), *_filled(words, env)]

    return Peer(name, command, wall, calls=calls)


def _filled(words: tuple[str, ...], env: Environment) -> list[str]:
    shared = env.shared
    assert shared is not None
    known = {
        "MAP": shared.map_fd,
        "RING": shared.ring_fd,
        "PROG": shared.program_fd,
        "PROG_ID": shared.program_id,
    }
    return [str(known.get(word, word)) for word in words]


def _object(name: str) -> str:
    return str(FIXTURES / f"{name}.bpf.o")


JOBS = (
    Job(
        "load trivial XDP object",
        "us",
        (
            _libbpf("load", _object("bench_trivial"), "200"),
            _ours("load", "bench_trivial_bpf", "200"),
            _ctypes("load", "200"),
        ),
        divide=1e3,
        note="mean of 200 in one process",
    ),
    Job(
        "load CO-RE heavy object, first on a machine",
        "ms",
        (
            _libbpf("load", _object("core_heavy"), "1"),
            _ours("load", "core_heavy_bpf", "1", cold=True),
        ),
        divide=1e6,
        note="bpf2py makes its index of the kernel's BTF",
    ),
    Job(
        "load CO-RE heavy object, first in a process",
        "ms",
        (
            _libbpf("load", _object("core_heavy"), "1"),
            _ours("load", "core_heavy_bpf", "1"),
        ),
        divide=1e6,
        note="the index and what CO-RE made of it are there",
    ),
    Job(
        "load CO-RE heavy object, nothing kept but the kernel's index",
        "ms",
        (
            _libbpf("load", _object("core_heavy"), "1"),
            _ours("load", "core_heavy_bpf", "1", forget="core-*"),
        ),
        divide=1e6,
        note="the first load of this object on a machine that has loaded others",
    ),
    Job(
        "load CO-RE heavy object, again in the process",
        "ms",
        (
            _libbpf("load", _object("core_heavy"), "10"),
            _ours("load", "core_heavy_bpf", "10"),
        ),
        divide=1e6,
        note="mean of ten",
    ),
    Job(
        "process start to loaded CO-RE heavy object",
        "ms",
        (
            _libbpf("load", _object("core_heavy"), "1", wall=True),
            _ours("start", "core_heavy_bpf", wall=True),
        ),
        divide=1e6,
        note="whole process",
    ),
    Job(
        "load object with 100 programs",
        "ms",
        (
            _libbpf("load", _object("bench_programs"), "10"),
            _ours("load", "bench_programs_bpf", "10"),
        ),
        divide=1e6,
        note="mean of ten in one process",
    ),
    Job(
        "load object with 21,500 instructions",
        "ms",
        (
            _libbpf("load", _object("bench_large"), "10"),
            _ours("load", "bench_large_bpf", "10"),
        ),
        divide=1e6,
        note="mean of ten in one process",
    ),
    *(
        Job(
            f"{what} calls, process start to loaded {title}",
            "calls",
            (
                _libbpf("load", _object(name), "1", calls=prefix),
                _ours("start", f"{name}_bpf", calls=prefix),
            ),
        )
        for name, title in (
            ("bench_trivial", "trivial object"),
            ("core_heavy", "CO-RE heavy object"),
            ("bench_programs", "100 programs"),
        )
        for what, prefix in (("bpf(2)", "bpf("), ("all system", ""))
    ),
    Job(
        "look-up in a hash of 1M entries",
        "ns",
        (
            _libbpf("lookup", "MAP", str(ENTRIES), "200000"),
            _ours("lookup", "MAP", str(ENTRIES), "100000"),
            _ctypes("lookup", "MAP", str(ENTRIES), "100000"),
        ),
    ),
    Job(
        "update in a hash of 1M entries",
        "ns",
        (
            _libbpf("update", "MAP", str(ENTRIES), "200000"),
            _ours("update", "MAP", str(ENTRIES), "100000"),
            _ctypes("update", "MAP", str(ENTRIES), "100000"),
        ),
    ),
    Job(
        "read all 1M entries",
        "ns/entry",
        (
            _libbpf("iterate", "MAP"),
            _libbpf("iterate_batch", "MAP", name="libbpf batch"),
            _ours("iterate", "MAP"),
            _ctypes("iterate", "MAP"),
        ),
        note="libbpf by next key and look-up, the others by batch into a dict (C: a sum)",
    ),
    Job(
        "100k ring buffer events of 64 bytes",
        "ns/event",
        (
            _libbpf("ringbuf", "RING", "PROG", str(EVENTS)),
            _ours("ringbuf", "RING", "PROG_ID", str(EVENTS)),
            _ours("ringbuf_batch", "RING", "PROG_ID", str(EVENTS), name="bpf2py drain()"),
            _ctypes("ringbuf", "RING", "PROG", str(EVENTS)),
        ),
        note="decoded, in a loop",
    ),
    Job(
        "resident memory, trivial object loaded",
        "MiB",
        (
            _libbpf("idle", _object("bench_trivial")),
            _ours("idle", "bench_trivial_bpf"),
            _ctypes("idle"),
            _ours("bare", name="bare python"),
        ),
        divide=1024,
    ),
    Job(
        "resident memory, CO-RE heavy object loaded",
        "MiB",
        (
            _libbpf("idle", _object("core_heavy")),
            _ours("idle", "core_heavy_bpf"),
            _ours("bare", name="bare python"),
        ),
        divide=1024,
    ),
    Job(
        "start-up: process start to loaded trivial object",
        "ms",
        (
            _libbpf("load", _object("bench_trivial"), "1", wall=True),
            _ours("start", "bench_trivial_bpf", wall=True),
            _ctypes("load", "1", wall=True),
            _ours("bare", wall=True, name="bare python"),
        ),
        divide=1e6,
        note="whole process; compare interpreters with bare python",
    ),
)


def _generating(name: str, objects: list[Path], *words: str, cold: bool = False) -> Job:
    """*words* of ``bpf2py``, beside a skeleton of each of *objects*."""
    return Job(
        f"generating {name}",
        "ms",
        (
            Peer("bpftool", lambda env: generating.bpftool(objects), wall=True),
            Peer(
                "bpf2py",
                lambda env: generating.bpf2py(*words, *(objects if "-o" in words else [])),
                wall=True,
                folder=WORK / "project",
                cold=cold,
            ),
            Peer("bare python", lambda env: [sys.executable, "-c", ""], wall=True),
        ),
        divide=1e6,
        note="whole process",
    )


_OUT = ("gen", "-o", str(WORK / "cache" / "modules"))
GENERATING = (
    _generating("one module", generating.OBJECTS[:1], *_OUT, cold=True),
    _generating("three modules", generating.OBJECTS, *_OUT, cold=True),
    _generating("three modules, again", generating.OBJECTS, *_OUT),
    _generating("three modules, --check", generating.OBJECTS, *_OUT, "--check"),
    _generating("a project of three, nothing changed", generating.OBJECTS, "gen"),
    _generating("a project of three, --check", generating.OBJECTS, "gen", "--check"),
)


def prepare_python() -> Path:
    """A virtual environment with the package alone in it, its byte code cached."""
    place = WORK / "venv"
    shutil.rmtree(place, ignore_errors=True)
    venv.EnvBuilder(symlinks=True, with_pip=False).create(place)
    python = place / "bin" / "python"
    purelib = subprocess.check_output(
        [python, "-c", "import sysconfig; print(sysconfig.get_paths()['purelib'])"], text=True
    )
    site = Path(purelib.strip())
    shutil.copytree(ROOT / "bpf2py", site / "bpf2py", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("trivial", "ringbuf", "hash", "programs", "large"):
        shutil.copy(FIXTURES / f"bench_{name}_bpf.py", site)
    shutil.copy(FIXTURES / "core_heavy_bpf.py", site)
    subprocess.check_call([python, "-m", "compileall", "-q", site])
    return python


def prepare_libbpf() -> Path | None:
    """The C peer, if a compiler and libbpf's headers are here."""
    binary = WORK / "peer_libbpf"
    command: list[str | Path] = [
        "cc",
        "-O2",
        "-o",
        binary,
        HERE / "peer_libbpf.c",
        "-lbpf",
        "-lelf",
        "-lz",
    ]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except FileNotFoundError:
        print("no C compiler: the libbpf column is missing (Debian: apt install gcc libbpf-dev)")
    except subprocess.CalledProcessError as error:
        print(f"libbpf's peer does not compile: {error.stderr.decode().strip()}")
    else:
        return binary
    return None


def run(peer: Peer, env: Environment) -> float:
    """One round of one peer: what it printed, or its wall time in nanoseconds."""
    if peer.cold:
        shutil.rmtree(env.cache, ignore_errors=True)
    if peer.forget:
        for kept in env.cache.glob(f"bpf2py/{peer.forget}"):
            kept.unlink()
    command = peer.command(env)
    path = {"PYTHONPATH": str(ROOT)} if peer.folder else {}
    environ = {
        **os.environ,
        **path,
        "XDG_CACHE_HOME": str(env.cache),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    trace = WORK / "calls"
    if peer.calls is not None:
        command = ["strace", "-f", "-o", str(trace), *command]
    begin = time.perf_counter_ns()
    shared = env.shared
    done = subprocess.run(
        command,
        env=environ,
        cwd=peer.folder or HERE,
        pass_fds=(shared.map_fd, shared.ring_fd, shared.program_fd) if shared else (),
        capture_output=True,
        text=True,
        check=False,
    )
    wall = time.perf_counter_ns() - begin
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}: exit {done.returncode}\n{done.stderr}")
    if peer.calls is not None:
        # "1234  bpf(BPF_MAP_CREATE, ..." and, for signals and exits, "1234  +++ exited".
        lines = (line.split(maxsplit=1)[1] for line in trace.read_text().splitlines())
        return sum(line.startswith(peer.calls) for line in lines if line[0].isalpha())
    return wall if peer.wall else float(done.stdout)


@dataclass(slots=True)
class Row:
    """One line of the result: all samples of one peer of one job, in the job's unit."""

    job: str
    unit: str
    peer: str
    samples: list[float] = field(default_factory=list)

    @property
    def minimum(self) -> float:
        return min(self.samples)

    @property
    def median(self) -> float:
        return statistics.median(self.samples)


def measure(jobs: tuple[Job, ...], env: Environment, rounds: int) -> Iterator[list[Row]]:
    """All rows of one job at a time; one uncounted round first."""
    for job in jobs:
        peers = [peer for peer in job.peers if peer.name.partition(" ")[0] not in env.missing]
        rows = [Row(job.name, job.unit, peer.name) for peer in peers]
        for number in range(rounds + 1):
            for peer, row in zip(peers, rows, strict=True):
                sample = run(peer, env) / job.divide
                if number:
                    row.samples.append(sample)
        yield rows


def show(job: Job, rows: list[Row]) -> None:
    print(f"\n{job.name} [{job.unit}]" + (f" ({job.note})" if job.note else ""))
    first = rows[0]
    for row in rows:
        print(
            f"  {row.peer:<16} min {row.minimum:>10.1f}  median {row.median:>10.1f}"
            f"   x {row.minimum / first.minimum:.2f} / {row.median / first.median:.2f}"
            f" of {first.peer}"
        )


def run_all(jobs: tuple[Job, ...], env: Environment, rounds: int) -> list[Row]:
    """Measure and show *jobs*."""
    results: list[Row] = []
    for job, rows in zip(jobs, measure(jobs, env, rounds), strict=True):
        show(job, rows)
        results += rows
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", default="", help="jobs whose name contains this")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    jobs = tuple(job for job in JOBS if options.only in job.name)
    generated = tuple(job for job in GENERATING if options.only in job.name)
    if jobs and os.geteuid():
        raise SystemExit("the benchmark loads programs into the kernel: run it as root")
    if not shutil.which("strace"):
        print("no strace: system calls are not counted (Debian: apt install strace)")
        jobs = tuple(job for job in jobs if job.unit != "calls")
    WORK.mkdir(exist_ok=True)
    print(f"{os.uname().release}, {os.cpu_count()} CPUs, Python {sys.version.split()[0]}")
    print(f"{options.rounds} interleaved rounds; minimum and median of each peer")
    results: list[Row] = []
    if jobs:
        with shared_objects(ENTRIES) as shared:
            libbpf = prepare_libbpf()
            missing = frozenset(() if libbpf else ("libbpf",))
            env = Environment(prepare_python(), libbpf, shared, WORK / "cache", missing)
            results += run_all(jobs, env, options.rounds)
    if generated:
        if not generating.BPFTOOL:
            print("no bpftool: generating is measured alone (Debian: apt install bpftool)")
        missing = frozenset(() if generating.BPFTOOL else ("bpftool",))
        generating.prepare(WORK)
        env = Environment(Path(sys.executable), None, None, WORK / "cache", missing)
        results += run_all(generated, env, options.rounds)
    if options.json:
        table = [
            {"job": row.job, "peer": row.peer, "unit": row.unit, "samples": row.samples}
            for row in results
        ]
        options.json.write_text(json.dumps(table, indent=1) + "\n")


if __name__ == "__main__":
    main()
