"""What ``bpf2py features`` prints of a report, whatever kernel made it."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from click.testing import CliRunner

from bpf2py.asm.cpu import FAMILIES
from bpf2py.cli.feature_macros import macros
from bpf2py.cli.features import lines
from bpf2py.cli.main import cli
from bpf2py.runtime.probes import Answer, Report
from bpf2py.uapi import MapType


def sample() -> Report:
    families = dict[str, Answer](dict.fromkeys(FAMILIES, "yes"))
    return Report(
        kernel="9.9",
        machine="pdp11",
        program_types={"XDP": "yes", "LSM": "unknown"},
        map_types={"HASH": "yes", "CGROUP_STORAGE_DEPRECATED": "no"},
        map_flags={"MMAPABLE": "yes"},
        link_types={"TCX": "no"},
        btf={"FLOAT": "yes"},
        instructions=families | {"atomics": "no", "gotol": "unknown"},
        misc={"bounded_loops": "yes", "large_programs": "no"},
        cpu_version=2,
        helpers={"XDP": ["map_lookup_elem"]},
        settings={"bpf_jit_enable": 1, "bpf_jit_limit": None},
        config={"CONFIG_BPF": "y", "CONFIG_HZ": "250", "CONFIG_LSM": "a,b", "CONFIG_NETKIT": None},
        unknown={"program type LSM": "it may not be asked"},
    )


def test_macros_say_yes_no_or_nothing() -> None:
    text = "\n".join(macros(sample(), "K_"))
    for line in (
        "#define K_CONFIG_HZ 250",
        "#define K_HAVE_BPF_SYSCALL",
        "#define K_HAVE_XDP_PROG_TYPE",
        "/* K_HAVE_LSM_PROG_TYPE: could not tell */",
        "#define K_HAVE_HASH_MAP_TYPE",
        "#define K_NO_HAVE_CGROUP_STORAGE_MAP_TYPE",
        "#define K_HAVE_MMAPABLE_MAP_FLAG",
        "#define K_NO_HAVE_TCX_LINK_TYPE",
        "#define K_HAVE_FLOAT_BTF",
        "#define K_HAVE_V2_ISA_EXTENSION",
        "#define K_NO_HAVE_V3_ISA_EXTENSION",
        "/* K_HAVE_V4_ISA_EXTENSION: could not tell */",
        "#define K_HAVE_BOUNDED_LOOPS",
        "#define K_NO_HAVE_LARGE_INSN_LIMIT",
        "#define K_BPF__PROG_TYPE_xdp__HELPER_bpf_map_lookup_elem 1",
        "#define K_BPF__PROG_TYPE_xdp__HELPER_bpf_redirect 0",
    ):
        assert line in text.splitlines()
    assert "CONFIG_LSM" not in text, "a text is no number to C"


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
def test_a_c_compiler_takes_the_macros() -> None:
    source = "\n".join(
        (
            *macros(sample()),
            "#if HAVE_PROG_TYPE_HELPER(xdp, bpf_map_lookup_elem)",
            "#if !HAVE_PROG_TYPE_HELPER(xdp, bpf_redirect) && CONFIG_HZ == 250",
            "taken",
            "#endif",
            "#endif",
        )
    )
    done = subprocess.run(
        ["cc", "-E", "-P", "-Werror", "-"], input=source, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["taken"]


def test_the_text_tells_settings_and_options_that_are_not_set() -> None:
    text = "\n".join(lines(sample(), helpers=False, kfuncs=False))
    assert "Settings:\n  bpf_jit_enable: 1\n  bpf_jit_limit: could not be read" in text
    assert "Kernel configuration:\n  CONFIG_BPF=y CONFIG_HZ=250 CONFIG_LSM=a,b" in text
    assert "Kernel configuration, not set:\n  CONFIG_NETKIT" in text


def test_the_text_fits_a_terminal_and_gives_each_reason_once() -> None:
    found = sample()
    reason = "this kernel refuses it although this process has the capabilities that it needs"
    found.unknown = {f"program type {name}": reason for name in ("LSM", "EXT")}
    found.map_types = dict.fromkeys((each.name for each in MapType), "no")
    text = list(lines(found, helpers=True, kfuncs=True))
    assert max(map(len, "\n".join(text).splitlines())) < 80
    assert " ".join(" ".join(text).split()).endswith(
        f"Could not tell: program type LSM, program type EXT: {reason}"
    )
    assert "\nMap types, not there:" in text


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--macros", "--json"], "two forms"),
        (["--prefix", "A_"], "--prefix is for --macros"),
        (["--macros", "--prefix", "1-"], "cannot begin a C name"),
    ],
)
def test_options_that_do_not_go_together_are_refused(arguments: list[str], complaint: str) -> None:
    done = CliRunner().invoke(cli, ["features", *arguments])
    assert done.exit_code == 2
    assert complaint in done.output
