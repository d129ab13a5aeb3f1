"""An example as a running process: its lines as they come, its end, and a deadline for both."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

EXAMPLES = Path(__file__).parents[1] / "examples"
DEADLINE = 30.0


class Running:
    """An example that runs; its output line by line."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.lines: list[str] = []
        self._rest = b""

    def wait_for(self, wanted: Callable[[str], bool], nudge: Callable[[], object] = int) -> str:
        """The next line that is *wanted*; *nudge* is called again and again until it comes."""
        assert self.process.stdout is not None
        end = time.monotonic() + DEADLINE
        while time.monotonic() < end:
            while b"\n" in self._rest:
                line, self._rest = self._rest.split(b"\n", 1)
                self.lines.append(line.decode("utf-8", "surrogateescape"))
                if wanted(self.lines[-1]):
                    return self.lines[-1]
            nudge()
            if select.select([self.process.stdout], [], [], 0.2)[0]:
                data = os.read(self.process.stdout.fileno(), 65536)
                if not data:
                    break
                self._rest += data
        self.process.kill()
        complaints = self.process.communicate()[1].decode()
        raise AssertionError(f"the line did not come:\n{self.output()}\n{complaints}")

    def output(self) -> str:
        return "\n".join(self.lines)

    def interrupt(self) -> None:
        """Ctrl-C: it must end by itself, without a traceback."""
        self.process.send_signal(signal.SIGINT)
        self.finish()

    def finish(self, returncode: int = 0) -> str:
        """The rest of the output; the exit code is *returncode*, and nothing was complained of."""
        out, err = self.process.communicate(timeout=DEADLINE)
        assert self.process.returncode == returncode, err.decode()
        assert b"Traceback" not in err
        text = (self._rest + out).decode("utf-8", "surrogateescape")
        self._rest = b""
        self.lines += text.splitlines()
        return err.decode()


@contextlib.contextmanager
def example(name: str, *arguments: object, **options: Any) -> Iterator[Running]:
    command = [sys.executable, str(EXAMPLES / name / "main.py"), *map(str, arguments)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options
    ) as process:
        try:
            yield Running(process)
        finally:
            if process.poll() is None:
                process.kill()
