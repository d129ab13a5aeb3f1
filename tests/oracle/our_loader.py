"""bpf2py's counterpart of ``libbpf_loader.c``: opens and loads object files, and says how it went.

``python -m tests.oracle.our_loader [-a] [-x PROGRAM]... OBJECT...`` under ``recorder.c``, to which
its lines go: ``object``, ``says`` and ``outcome`` as there, with the exception in place of an
errno.
"""

from __future__ import annotations

import argparse
import ctypes
import warnings
from contextlib import closing

from bpf2py.elf import read_object_file
from bpf2py.runtime.links.struct_ops import write_value
from bpf2py.runtime.loaded import Loaded
from bpf2py.runtime.loader import load
from bpf2py.runtime.maps.struct_ops import StructOpsHandle
from bpf2py.spec import Pinning


def _note(line: str) -> None:
    note = ctypes.CDLL(None).bpf2py_note
    note.argtypes = (ctypes.c_char_p,)
    note.restype = None
    note(line.replace("\n", " ").encode("utf-8", "surrogateescape"))


def _fill_struct_ops(loaded: Loaded) -> None:
    """As for attaching; the recorder keeps it from the kernel."""
    for handle in loaded.maps.values():
        if isinstance(handle, StructOpsHandle) and handle.value is not None:
            write_value(handle)


def load_one(path: str, *, everything: bool, without: list[str]) -> None:
    _note(f"object {path}")
    try:
        spec = read_object_file(path)
    except Exception as exc:
        _note(f"outcome not-opened {type(exc).__name__}: {exc}")
        return
    for map_spec in spec.maps.values():
        map_spec.pinning = Pinning.NONE
    for program in spec.programs.values():
        program.autoload = (program.autoload or everything) and program.name not in without
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            with closing(load(spec)) as loaded:
                _fill_struct_ops(loaded)
        except Exception as exc:
            _note(f"outcome not-loaded {type(exc).__name__}: {exc}")
        else:
            _note("outcome loaded")
    for warning in caught:
        _note(f"says {warning.message}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("-a", dest="everything", action="store_true")
    parser.add_argument("-x", dest="without", action="append", default=[])
    parser.add_argument("objects", nargs="+")
    options = parser.parse_args()
    for path in options.objects:
        load_one(path, everything=options.everything, without=options.without)


if __name__ == "__main__":
    main()
