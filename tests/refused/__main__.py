"""Write the texts anew; those whose object loads are an error."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.refused import records


def main() -> int:
    version = subprocess.run(
        ["bpftool", "version"], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    names = " ".join(line.removeprefix("using ").strip() for line in version[:2])
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["mount", "-t", "bpf", "bpf", folder], check=True)
        try:
            for path in records.objects():
                refusal = records.ours(path)
                if refusal is None:
                    print(f"{path.name} loads", file=sys.stderr)
                    wrong += 1
                    continue
                theirs = records.bpftools(path, Path(folder) / "refused")
                records.record_path(path).write_text(
                    records.text(path, records.kernel(), names, theirs, refusal)
                )
        finally:
            subprocess.run(["umount", folder], check=True)
    kept = {records.record_path(path) for path in records.objects()}
    for left in set(records.HERE.glob("*.txt")) - kept:
        left.unlink()
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
