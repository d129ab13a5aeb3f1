"""``make demo``: an object becomes a module, the module is type-checked, loaded, and listened to.

No compiler is needed: the object is checked in.  Without root the demo goes as far as it may, and
says what is missing.  Nothing stays behind but, as root, a mounted tracefs where there was none.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bpf2py import elf, runtime

ROOT = Path(__file__).resolve().parents[1]
OBJECT = ROOT / "examples" / "opensnoop" / "opensnoop.bpf.o"
TRACEFS = Path("/sys/kernel/tracing")

SECONDS = 5

#: The whole tool.  mypy knows every name in it that comes from C.
WATCH = """\
import collections
import os
import sys
import time

from opensnoop_bpf import Event, Opensnoop


def line(event: Event) -> str:
    outcome = f"fd {event.ret}" if event.ret >= 0 else os.strerror(-event.ret)
    return f"{event.pid:>8}  {event.comm:<16} {outcome:<26} {event.fname}"


def main(seconds: float) -> None:
    spec = Opensnoop.spec()
    spec.maps.start.max_entries = 65_536
    programs = collections.Counter[str]()
    with spec.load() as opensnoop, opensnoop.attach():
        end = time.monotonic() + seconds
        for event in opensnoop.maps.events.read(timeout=seconds):
            programs[event.comm] += 1
            if programs.total() <= 15:
                print(line(event), flush=True)
            if time.monotonic() > end:
                break
        print(f"{programs.total()} opens, {opensnoop.bss.dropped} events lost; most were by")
        for comm, count in programs.most_common(8):
            print(f"{count:>8}  {comm}")


main(float(sys.argv[1]))
"""

#: The same with two mistakes, which a C programmer would meet at run time.
MISTAKES = """\
from opensnoop_bpf import Event, Opensnoop

spec = Opensnoop.spec()
spec.rodata.target_uid = "root"


def name(event: Event) -> str:
    return event.filename
"""


def say(text: str) -> None:
    print(f"\n\033[1m{text}\033[0m" if sys.stdout.isatty() else f"\n{text}", flush=True)


def run(*command: str, cwd: Path) -> int:
    """Show and run a command."""
    shown = ["python" if word == sys.executable else word for word in command]
    print(f"$ {shlex.join(shown)}", flush=True)
    return subprocess.run(command, cwd=cwd, check=False).returncode


def mypy(file: str, cwd: Path) -> int:
    cache = f"--cache-dir={cwd / '.mypy_cache'}"
    print(f"$ mypy --strict {file}", flush=True)
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", cache, file]
    return subprocess.run(command, cwd=cwd, check=False).returncode


def why_not() -> str:
    """What is missing to load programs here; empty if nothing is."""
    if sys.platform != "linux":
        return "BPF programs run in the Linux kernel, this is another one"
    if os.geteuid() != 0:
        return f"loading programs needs root: sudo {shlex.quote(sys.executable)} examples/demo.py"
    if not (TRACEFS / "events").exists() and not Path("/sys/kernel/debug/tracing/events").exists():
        print(f"$ mount -t tracefs tracefs {TRACEFS}    # tracepoints are listed there")
        mount = ["mount", "-t", "tracefs", "tracefs", str(TRACEFS)]
        if subprocess.run(mount, check=False).returncode:
            return "tracepoints are listed in tracefs, which cannot be mounted here"
    try:
        with runtime.load(elf.read_object_file(OBJECT)) as opensnoop, opensnoop.attach():
            return ""
    except (PermissionError, runtime.NotSupportedError) as error:
        return f"root may not do this here (a container?): {error}"


def watch(folder: Path) -> int:
    """Run the tool, and open a few files meanwhile, in case this machine is asleep."""
    command = [sys.executable, "watch.py", str(SECONDS)]
    print(f"$ python watch.py {SECONDS}", flush=True)
    with subprocess.Popen(command, cwd=folder) as tool:
        while tool.poll() is None:
            subprocess.run(
                ["cat", "/etc/hostname", "/no/such/file"], capture_output=True, check=False
            )
            time.sleep(1)
    return tool.returncode


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="bpf2py-demo-") as name:
        folder = Path(name)
        say("1. A compiled BPF object becomes a typed Python module.")
        source = os.path.relpath(OBJECT, ROOT)
        if run("bpf2py", "gen", source, "-o", name, "--typecheck", cwd=ROOT):
            return 1
        say("2. A tool that uses it. Every name from C is typed.")
        (folder / "watch.py").write_text(WATCH)
        print(WATCH)
        if mypy("watch.py", folder):
            return 1
        say("3. What is wrong is found before anything runs.")
        (folder / "mistakes.py").write_text(MISTAKES)
        print(MISTAKES)
        if mypy("mistakes.py", folder) != 1:
            return 1
        say(f"4. Load it, and see what this machine opens for {SECONDS} seconds.")
        if missing := why_not():
            print(f"Not done: {missing}")
            return 0
        return watch(folder)


if __name__ == "__main__":
    # `bpf2py` and `mypy` of this environment, whatever PATH says
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    raise SystemExit(main())
