"""The runtime's public names: widening the interface is a visible line here."""

from __future__ import annotations

import subprocess
import sys

import pytest

from bpf2py import runtime

NAMES = {
    # from a spec to an object
    "DynamicObject",
    "Loaded",
    "MapSpecs",
    "Maps",
    "Object",
    "ProgramSpecs",
    "Programs",
    "TypedSpec",
    "load",
    # links
    "Link",
    "Links",
    "StructOpsLink",
    # maps
    "AnyMap",
    "Arena",
    "ArrayMap",
    "BloomFilter",
    "DescriptorMap",
    "HashMap",
    "LPMTrie",
    "LRUHashMap",
    "Map",
    "MapOfMaps",
    "PerCPUArrayMap",
    "PerCPUHashMap",
    "ProgramArray",
    "Queue",
    "RingBuf",
    "StructOps",
    # global variables
    "Constant",
    "Data",
    "DataSpec",
    "Variable",
    # struct_ops before loading
    "Function",
    "StructOpsSpec",
    "StructOpsSpecs",
    # values of generated classes and their bytes
    "pack",
    "sizeof",
    "unpack",
    "struct_format",
    "numpy_dtype",
    "layout_digest",
    # values that views make
    "BootTime",
    "Hex",
    "KTime",
    "Nanoseconds",
    # programs
    "BTFTracepoint",
    "Program",
    "RawTracepoint",
    "SchedCLS",
    "SocketFilter",
    "TestRun",
    "Tracepoint",
    "Tracing",
    "XDP",
    "XDPMode",
    # errors
    "ClosedError",
    "InconclusiveError",
    "NotSupportedError",
    "VerifierError",
    # what generated modules call
    "blob",
    "require_format",
    "sidecar",
    "own_layout",
    "Variant",
    "Variants",
}


def test_the_public_names_are_these() -> None:
    assert len(runtime.__all__) == len(set(runtime.__all__))
    assert set(runtime.__all__) == NAMES


@pytest.mark.parametrize("name", sorted(NAMES))
def test_a_public_name_is_there_with_a_docstring(name: str) -> None:
    assert getattr(runtime, name).__doc__


def test_a_name_that_is_not_public_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        getattr(runtime, "no_such_name")  # noqa: B009


def test_a_star_import_gives_exactly_the_public_names() -> None:
    code = "from bpf2py.runtime import *; print(*(n for n in dir() if not n.startswith('__')))"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert set(result.stdout.split()) == NAMES
