"""How long tasks wait for a CPU: a histogram of run-queue latency.

sudo python examples/runqlat/main.py
sudo python examples/runqlat/main.py --pid 1234 --interval 1 --count 5
"""

from __future__ import annotations

import argparse
import sys
import time

from runqlat_bpf import Histogram, Runqlat

BAR = 40


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="How long tasks wait for a CPU.")
    parser.add_argument("--pid", type=int, default=0, help="only the threads of this process")
    parser.add_argument("--milliseconds", action="store_true", help="instead of microseconds")
    parser.add_argument("--interval", type=float, metavar="SECONDS", help="report that often")
    parser.add_argument("--count", type=int, default=-1, help="stop after that many reports")
    return parser.parse_args()


def take(runqlat: Runqlat) -> Histogram:
    """The sum over all CPUs since the last call; every CPU starts again from nothing."""
    per_cpu = runqlat.maps.histogram[0]
    runqlat.maps.histogram[0] = [Histogram() for _ in per_cpu]
    return Histogram(
        slots=[sum(column) for column in zip(*(part.slots for part in per_cpu), strict=True)],
        count=sum(part.count for part in per_cpu),
        longest=max(part.longest for part in per_cpu),
    )


def show(waits: Histogram, unit: str) -> None:
    if not waits.count:
        print("no task waited\n", flush=True)
        return
    used = max(slot for slot, count in enumerate(waits.slots) if count) + 1
    most = max(waits.slots)
    print(f"{unit:>10}               : count      distribution")
    for slot, count in enumerate(waits.slots[:used]):
        low, high = (1 << slot) if slot else 0, (2 << slot) - 1
        bar = "*" * (count * BAR // most)
        print(f"{low:>10} -> {high:<10} : {count:<10} |{bar:<{BAR}}|")
    print(f"{waits.count} waits, the longest of {waits.longest} {unit}\n", flush=True)


def main() -> int:
    options = arguments()
    unit = "msecs" if options.milliseconds else "usecs"
    spec = Runqlat.spec()
    spec.rodata.target_pid = options.pid
    spec.rodata.milliseconds = options.milliseconds
    try:
        with spec.load() as runqlat, runqlat.attach():
            print("measuring run-queue latency; Ctrl-C to stop", flush=True)
            try:
                while options.count:
                    time.sleep(options.interval or 99999)
                    show(take(runqlat), unit)
                    options.count -= 1
            except KeyboardInterrupt:
                print(flush=True)
                show(take(runqlat), unit)
            if runqlat.bss.missed:
                print(f"{runqlat.bss.missed} tasks were not followed", file=sys.stderr)
    except OSError as error:  # no rights
        print(f"runqlat: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
