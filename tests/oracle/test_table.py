"""The page that ``make compare`` writes, from verdicts made here."""

from __future__ import annotations

from pathlib import Path

from .compare import Result, Verdict
from .table import Run, put_together, write_table


def test_the_page_counts_and_names_every_object_with_its_reason(tmp_path: Path) -> None:
    missing = "not-loaded: No such process: prog 'p': failed to find kernel BTF type ID of 'gone'"
    verdicts = {
        "tools": [
            Verdict(Path("one.bpf.o"), Result.LOADED),
            Verdict(Path("two.o"), Result.LOADED),
            Verdict(Path("three.bpf.o"), Result.BOTH_REFUSE, (missing, "not-loaded: …")),
            Verdict(Path("four.elf"), Result.REFUSED, ("program p: Operation not permitted",)),
            Verdict(Path("five.bpf.o"), Result.DIFFERENT, ("program p: insn 1 of 2 is …",)),
        ]
    }
    page = tmp_path / "folder" / "page.md"
    write_table(page, [Run("1.8", "6.18.1", verdicts)])
    text = page.read_text()
    assert "What libbpf 1.8 and bpf2py tell the same kernel (Linux 6.18.1)" in text
    assert "| tools | 5 | 2 | 1 | 1 |" in text
    assert "**The same, loaded** (2): one, two" in text
    assert "- `gone` is not in this kernel: three" in text
    assert "- Operation not permitted: four" in text
    assert "- `program p: insn 1 of 2 is …`: five" in text


def test_runs_on_several_kernels_make_one_page(tmp_path: Path) -> None:
    runs = []
    for number, (release, name) in enumerate((("6.18", "b"), ("5.10", "x"), ("6.18", "a"))):
        refused = Verdict(Path(f"{name}.o"), Result.REFUSED, ("program p: Invalid argument",))
        file = tmp_path / f"{number}.json"
        Run("1.8", release, {name: [refused]}).save(file)
        runs.append(Run.read(file))
    page = tmp_path / "page.md"
    write_table(page, put_together(runs))
    headings = [line for line in page.read_text().splitlines() if line.startswith("## ")]
    assert headings == ["## Linux 5.10, libbpf 1.8", "## a", "## b"]
    assert page.read_text().count("| **all** | 2 |") == 1
    assert page.read_text().count("| **all** | 1 |") == 1
    assert page.read_text().count("- Invalid argument: ") == 3
