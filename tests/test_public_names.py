"""The runtime's public names: widening the interface is a visible line here."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import pytest

from bpf2py import codegen, runtime

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
    "prepare",
    # links
    "Link",
    "Links",
    "LoadedBTF",
    "StructOpsLink",
    # maps
    "AnyMap",
    "Arena",
    "Atomic",
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
    "relocations",
    "Relocation",
    "ProgramTag",
    "program_tags",
    "load_rights",
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
    "Syscall",
    "SyscallResult",
    "TestRun",
    "Tracepoint",
    "Tracing",
    "XDP",
    "XDPMode",
    # the verifier's log of what it accepted
    "LogLevel",
    "VerifierStats",
    # rights in a user namespace
    "Token",
    "delegations",
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


#: The names that generators of users' own are written with.
GENERATOR_NAMES = {
    # from an object to a module
    "CodegenError",
    "Options",
    "describe",
    "generate",
    "render",
    # what a module is made of, and what it is not
    "ArgumentModel",
    "ConstantModel",
    "EnumModel",
    "EnumeratorModel",
    "GlobalFunctionModel",
    "LeftOut",
    "MapModel",
    "MemberModel",
    "ModuleModel",
    "ObjectNames",
    "ProgramModel",
    "SectionModel",
    "StructModel",
    "TypeModel",
    "UnionModel",
    "ValueModel",
    "VariableModel",
    "left_out",
}

#: What the models say, apart from what is for the templates alone.
MODEL_FIELDS = {
    codegen.ModuleModel: "file_name digest spec names types maps programs sections functions constants",
    codegen.ValueModel: "c_type annotation size codec class_names",
    codegen.MemberModel: "name c_name c_type annotation offset size bits class_names storage",
    codegen.StructModel: "name c_name size members doc",
    codegen.UnionModel: "name c_name size members doc",
    codegen.EnumModel: "name c_name size members doc",
    codegen.EnumeratorModel: "name c_name number",
    codegen.MapModel: "name c_name class_name spec key value event inner doc",
    codegen.ProgramModel: "name c_name class_name spec section file line arguments context doc",
    codegen.ArgumentModel: "name c_type annotation",
    codegen.ConstantModel: "name c_name value",
    codegen.GlobalFunctionModel: "c_name c_type arguments",
    codegen.SectionModel: "attribute section spec_name name variables",
    codegen.VariableModel: "name c_name value offset doc",
    codegen.ObjectNames: "object spec maps map_specs programs program_specs",
    codegen.LeftOut: "kind name reason option",
}


def test_the_generators_public_names_are_these() -> None:
    assert len(codegen.__all__) == len(set(codegen.__all__))
    assert set(codegen.__all__) == GENERATOR_NAMES
    for name in GENERATOR_NAMES - {"TypeModel"}:
        assert getattr(codegen, name).__doc__


@pytest.mark.parametrize("model", MODEL_FIELDS, ids=lambda model: model.__name__)
def test_a_model_keeps_the_fields_that_generators_read(model: type) -> None:
    there = {each.name for each in dataclasses.fields(model)}
    assert set(MODEL_FIELDS[model].split()) <= there


def test_a_name_that_is_not_public_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        getattr(runtime, "no_such_name")  # noqa: B009


def test_a_star_import_gives_exactly_the_public_names() -> None:
    code = "from bpf2py.runtime import *; print(*(n for n in dir() if not n.startswith('__')))"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert set(result.stdout.split()) == NAMES
