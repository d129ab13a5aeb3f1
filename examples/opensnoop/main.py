"""Print every file that is opened: by whom, and how that ended.

sudo python examples/opensnoop/main.py
sudo python examples/opensnoop/main.py --pid 1234 --failed
"""

from __future__ import annotations

import argparse
import contextlib
import math
import platform
import sys
import time

from opensnoop_bpf import Event, Opensnoop, OpensnoopSpec

#: The machines that still have open(2); the others only know openat(2) and openat2(2).
WITH_OPEN = ("x86_64", "i686", "armv7l", "ppc64le", "s390x")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Print every file that is opened.")
    parser.add_argument("--pid", type=int, default=0, help="only this process")
    parser.add_argument("--uid", type=int, help="only processes of this user")
    parser.add_argument("--failed", action="store_true", help="only opens that failed")
    parser.add_argument(
        "--duration", type=float, default=math.inf, metavar="SECONDS", help="stop after that long"
    )
    parser.add_argument("--once", action="store_true", help="stop after the first event")
    return parser.parse_args()


def describe(options: argparse.Namespace) -> OpensnoopSpec:
    """What shall be loaded: constants in .rodata cost the BPF program nothing at run time."""
    spec = Opensnoop.spec()
    spec.rodata.target_pid = options.pid
    spec.rodata.failed_only = options.failed
    if options.uid is not None:
        spec.rodata.target_uid = options.uid
    if platform.machine() in WITH_OPEN:
        spec.programs.enter_open.autoload = True
        spec.programs.exit_open.autoload = True
    return spec


def row(event: Event) -> str:
    descriptor, error = (event.ret, 0) if event.ret >= 0 else (-1, -event.ret)
    return (
        f"{event.pid:<7} {event.comm:<16} {descriptor:>3} {error:>3} "
        f"{event.duration_ns / 1000:>8.1f} {event.parent_comm:<16} {event.fname}"
    )


def watch(opensnoop: Opensnoop, options: argparse.Namespace) -> None:
    print("PID     COMM              FD ERR       US PARENT           PATH", flush=True)
    end = time.monotonic() + options.duration
    while (left := end - time.monotonic()) > 0:
        for event in opensnoop.maps.events.read(timeout=min(left, 3600)):
            print(row(event), flush=True)
            if options.once or time.monotonic() > end:
                return


def main() -> int:
    options = arguments()
    try:
        with describe(options).load() as opensnoop, opensnoop.attach():
            with contextlib.suppress(KeyboardInterrupt):
                watch(opensnoop, options)
            if opensnoop.bss.dropped:
                print(f"{opensnoop.bss.dropped} events were lost", file=sys.stderr)
    except KeyboardInterrupt:
        pass
    except OSError as error:  # no rights, no tracefs
        print(f"opensnoop: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
