"""What is said of objects that are refused: ``tests/refused`` has it beside bpftool's words."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.refused import records

OBJECTS = records.objects()


def _release(kernel: str) -> list[str]:
    return kernel.split(".")[:2]


@pytest.mark.parametrize("path", OBJECTS, ids=records.name_of)
def test_a_refused_object_is_explained_as_recorded(path: Path) -> None:
    kernel, error, kind, text = records.recorded(path)
    refusal = records.ours(path)
    if _release(kernel) == _release(records.kernel()):
        assert refusal == records.Refusal(error, kind, text)
    elif refusal is not None:
        # Another kernel words it in its own way, and may refuse something else first, or nothing.
        assert records.name_of(path) in refusal.text or "program '" in refusal.text


def test_every_text_has_its_object_and_there_are_enough_of_them() -> None:
    texts = {path.name for path in records.HERE.glob("*.txt")}
    assert texts == {records.record_path(path).name for path in OBJECTS}
    assert len(texts) >= 40
