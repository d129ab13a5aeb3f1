"""BPF tokens, in a user namespace that root gave some rights of its own: nothing is pretended."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from bpf2py import runtime
from tests.kernel.abilities import requires
from tests.kernel.delegation import run_delegated

ALL = {"cmds": "any", "maps": "any", "progs": "any", "attachs": "any"}
SOME = {"cmds": "map_create:prog_load", "maps": "0x2", "progs": "xdp:socket_filter"}
LOAD = """
from generated_fixtures.globals_bpf import Globals
with Globals.spec().load({options}) as loaded:
    print(loaded.programs.change.run(bytes(64)).return_value, len(loaded.maps))
"""


@pytest.fixture(autouse=True)
def needs_tokens() -> None:
    requires("BPF tokens (6.9)")


def _environment(path: str | None) -> dict[str, str]:
    return {} if path is None else {"LIBBPF_BPF_TOKEN_PATH": path}


def says(code: str, delegate: Mapping[str, str] = ALL, path: str | None = None) -> str:
    done = run_delegated(code, delegate, _environment(path))
    assert done.returncode == 0, done.stderr
    return done.stdout


def fails(code: str, delegate: Mapping[str, str] = ALL, path: str | None = None) -> str:
    done = run_delegated(code, delegate, _environment(path))
    assert done.returncode == 1, done.stdout
    return done.stderr


def test_an_object_loads_by_the_token_of_the_usual_place_without_being_told() -> None:
    assert says(LOAD.format(options="")) == "0 5\n"


@pytest.mark.parametrize("how", ["path", "open"])
def test_a_token_can_be_given(how: str) -> None:
    move = (
        "import os, subprocess\nsubprocess.run(['mount', '-t', 'tmpfs', 't', '/mnt'], check=True)"
    )
    move += "\nos.mkdir('/mnt/b')\nsubprocess.run(['mount', '--move', '/sys/fs/bpf', '/mnt/b'], check=True)"
    if how == "open":
        move += "\nfrom bpf2py.runtime import Token\ntoken = Token.create('/mnt/b')"
    code = LOAD.format(options="token='/mnt/b'" if how == "path" else "token=token")
    assert says(f"{move}\n{code}") == "0 5\n"
    assert "PermissionError" in fails(f"{move}\n{LOAD.format(options='')}")


def test_the_environment_names_the_place_or_forbids_any() -> None:
    code = LOAD.format(options="")
    assert says(code, path="/sys/fs/bpf") == "0 5\n"
    assert "PermissionError" in fails(code, path="")
    error = fails(code, path="/proc")
    assert "BPF_TOKEN_CREATE: the path is not where a bpf file system is mounted" in error


def test_no_token_is_used_where_none_is_wanted() -> None:
    assert "PermissionError" in fails(LOAD.format(options="token=''"))


def test_what_a_token_does_not_allow_is_refused_with_what_it_allows() -> None:
    error = fails(LOAD.format(options=""), {**ALL, "progs": "xdp"})
    assert "PermissionError" in error
    assert "with the BPF token of '/sys/fs/bpf', which allows delegate_cmds=any" in error
    assert "delegate_progs=xdp" in error


def test_rights_are_those_of_the_mount() -> None:
    code = """
    from bpf2py.runtime import Token, delegations
    from bpf2py.uapi import AttachType, Cmd, MapType, ProgType
    with Token.create() as token:
        rights = token.rights
    print(rights)
    print(rights.allows(MapType.HASH), rights.allows(MapType.ARRAY))
    print(rights.allows(ProgType.XDP), rights.allows(ProgType.KPROBE))
    print(rights.allows(Cmd.PROG_LOAD), rights.allows(AttachType.XDP))
    print([(each.path, each.rights == rights) for each in delegations()])
    """
    assert says(code, SOME) == (
        "delegate_cmds=map_create:prog_load, delegate_maps=hash, "
        "delegate_progs=socket_filter:xdp, delegate_attachs=none\n"
        "True False\nTrue False\nTrue False\n[('/sys/fs/bpf', True)]\n"
    )


def test_probes_answer_by_a_token_and_cannot_tell_without() -> None:
    code = """
    from bpf2py.runtime import InconclusiveError, Token, probes
    from bpf2py.uapi import MapType, ProgType
    try:
        probes.has_map_type(MapType.HASH)
    except InconclusiveError as error:
        print("cannot tell")
    with Token.create() as token, token.used():
        print(probes.has_map_type(MapType.HASH), probes.has_program_type(ProgType.XDP))
        print(probes.has_helper(ProgType.XDP, "bpf_xdp_adjust_head"))
    """
    assert says(code) == "cannot tell\nTrue True\nTrue\n"


def test_an_object_is_prepared_and_cloned_by_a_token() -> None:
    code = """
    from generated_fixtures.globals_bpf import Globals
    with Globals.spec().prepare() as prepared:
        prepared.load_programs()
        with prepared.clone(prepared.programs.change) as again:
            print(again.run(bytes(64)).return_value)
    """
    assert says(code) == "0\n"


def test_in_the_first_namespace_there_are_no_tokens(bpffs: Path) -> None:
    with pytest.raises(OSError, match="no tokens in the first user namespace"):
        runtime.Token.create(bpffs)
    assert runtime.delegations() == []
