"""``switchcount SECONDS``: task switches per CPU."""

from __future__ import annotations

import sys
import time

from .switches_bpf import Switches


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    try:
        with Switches.spec().load() as switches, switches.attach():
            time.sleep(seconds)
            counted = switches.maps.switches[0]
    except OSError as error:  # no rights
        sys.exit(f"switchcount: {error}")
    for cpu, count in enumerate(counted):
        print(f"CPU {cpu}: {count} switches")


if __name__ == "__main__":
    main()
