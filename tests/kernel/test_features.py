"""Probes on the real kernel agree with what then works."""

from __future__ import annotations

import pytest

from bpf2py import runtime
from bpf2py.runtime import features
from bpf2py.uapi import AttachType, ProgType
from tests.kernel.abilities import ABILITIES
from tests.kernel.conftest import EXPECTED_IN_CI, MISSING_IN_CI, Needs
from tests.runtime.bpf_code import NOTHING, an_object, program


def test_tcx_is_there_if_a_program_can_be_attached() -> None:
    spec = program(
        NOTHING,
        prog_type=ProgType.SCHED_CLS,
        section="tcx/ingress",
        attach_type=AttachType.TCX_INGRESS,
    )
    with runtime.load(an_object(spec)) as loaded:
        prog = loaded.programs["prog"]
        assert isinstance(prog, runtime.SchedCLS)
        try:
            prog.attach("lo").close()
            works = True
        except runtime.NotSupportedError:
            works = False
    assert features.has_tcx() is works


def test_the_probe_for_perf_links_can_tell() -> None:
    assert features.has_perf_event_links() in (True, False)


@pytest.mark.parametrize("ability", ABILITIES)
def test_the_probe_that_tests_skip_by_finds_what_is_there(ability: str, needs: Needs) -> None:
    assert ability in EXPECTED_IN_CI | MISSING_IN_CI
    needs(ability, ABILITIES[ability]())
