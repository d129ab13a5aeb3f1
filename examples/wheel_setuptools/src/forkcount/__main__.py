"""``forkcount SECONDS``: processes and threads that were started meanwhile."""

from __future__ import annotations

import sys
import time

from .forks_bpf import Forks


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    try:
        with Forks.spec().load() as forks, forks.attach():
            time.sleep(seconds)
            print(f"{forks.bss.forks} started")
    except OSError as error:  # no rights
        sys.exit(f"forkcount: {error}")


if __name__ == "__main__":
    main()
