"""The verifier's words, what is likely behind them, and what to do.

In: a complaint, and what registers it speaks of hold.  Out: an :class:`Advice`, or ``None`` for
words that nobody has met yet.  The complaints are those of kernel/bpf/verifier.c (and its siblings) from 4.15 on, whose wording
changes; a row is meant to hold for all of them.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class Advice(NamedTuple):
    """One row: ``kind`` is a stable name, for programs; the texts are for people."""

    kind: str
    pattern: str
    cause: str
    help: str


#: The first row that is found in the complaint wins: the special stands before the general.
ADVICE: tuple[Advice, ...] = (
    # ---- what may be called -----------------------------------------------------------------
    Advice(
        "license",
        r"cannot call GPL-restricted|cannot call non-GPL|not GPL compatible|GPL compatible"
        r"|from non-GPL",
        "the helper or kfunc is for programs with a GPL-compatible license only",
        'declare char LICENSE[] SEC("license") = "GPL" (if that is the license)',
    ),
    Advice(
        "not-sleepable",
        r"Sleepable programs can only use|programs can be sleepable|is not sleepable",
        'the program is marked sleepable (.s in its section; SEC("syscall") always is), and its hook '
        "or a map that it uses is not for such programs",
        "take the .s off its section; or keep what it needs in a hash, an array or a local storage, "
        "the maps that sleepable programs may use on every kernel",
    ),
    Advice(
        "sleepable",
        r"might sleep|[Ss]leepable|non-sleepable",
        "what sleeps is called where sleeping is not allowed",
        "mark the program sleepable (its section with .s, as in fentry.s) if its hook is, and "
        "call it outside of RCU, preemption and lock regions",
    ),
    Advice(
        "map-field-missing",
        r"has no valid bpf_\w+|has no valid kptr|bpf_spin_lock is missing",
        "the map's value has no such member, or the map was declared without types",
        "put the struct (bpf_spin_lock, bpf_timer, …) into the value, and declare the map with "
        "__type(key, …) and __type(value, …)",
    ),
    Advice(
        "lock-region",
        r"calls? (?:are|is) not allowed while holding a lock|while holding a lock"
        r"|inside bpf_spin_lock|bpf_spin_lock|lock-ed region",
        "a lock is held where it must not be, or taken twice",
        "between bpf_spin_lock() and bpf_spin_unlock() only plain reads and writes are allowed, and "
        "every way out unlocks",
    ),
    Advice(
        "kfunc-not-allowed",
        r"calling kernel function .+ is not allowed|kernel function call .*not",
        "this type of program may not call that kfunc, or the kernel does not offer it",
        "see the kernel's documentation of the kfunc for the types of program it is for",
    ),
    Advice(
        "ksym-address",
        r"failed to find the address for kernel symbol",
        "the kernel was built without CONFIG_KALLSYMS_ALL, so it does not find its variables",
        'have such kernels read it another way, in a program of their own (SEC("?…"), or autoload in '
        "its spec); __weak does not help, as the variable is in the kernel's BTF",
    ),
    Advice(
        "helper-missing",
        r"program of this type cannot use|unknown func|invalid func|cannot use helper",
        "this kernel does not have that helper, or not for this type of program",
        "check it with bpf_core_enum_value_exists(enum bpf_func_id, …) before the call, or use "
        "another program type",
    ),
    Advice(
        "exclusive-map",
        r"doesn't match map's excl_prog_hash",
        "a map that the program uses is exclusively for another program",
        "see exclusive_program in the specs of the maps it uses: name this program there, or give "
        "it a map of its own",
    ),
    Advice(
        "helper-map-type",
        r"cannot pass map_type \d+ into func|expected prog array map",
        "this helper does not work on maps of that type",
        "give it the map that it is made for, or use the helper of that map type",
    ),
    Advice(
        "tail-call",
        r"tail_?calls? (?:are|is) not allowed|tail_call abusing",
        "tail calls do not go together with functions, or with this context, on this kernel",
        "mark the functions __always_inline, or make the tail call outside of them",
    ),
    # ---- values that were never set -------------------------------------------------------------
    Advice(
        "no-return-value",
        r"\bR0 !read_ok",
        "not every way through the program sets a return value",
        "end every path with a return of a number",
    ),
    Advice(
        "uninitialized",
        r"\bR\d+ !read_ok",
        "a register is read before it is set",
        "initialise the variable; arguments of a call that returned are gone, save them first",
    ),
    # ---- pointers -------------------------------------------------------------------------------
    Advice(
        "null-pointer",
        r"_or_null\b|[Pp]ossibly NULL|null-check",
        "the pointer can be NULL: a look-up or an allocation may fail",
        "compare it with NULL before using it",
    ),
    Advice(
        "packet-bounds",
        r"invalid access to packet|outside of the packet",
        "the packet may end before what is read",
        "compare the end of what is read with data_end before reading the packet, and compare "
        "again after a helper that changes the packet",
    ),
    Advice(
        "map-value-bounds",
        r"invalid access to map (?:value|key)",
        "the access lies outside of the map's value: the index is not known to be in range",
        "check it against its bounds first (both, if it has a sign), or mask it, and look at "
        "value_size in the complaint",
    ),
    Advice(
        "memory-bounds",
        r"invalid access to (?:memory|mem)|access beyond",
        "the access lies outside of the object or buffer that the pointer points to",
        "check offset and size against the size of what was allocated or handed in",
    ),
    Advice(
        "unbounded",
        r"pointer be out of bounds|pointer offset -?\d+ is not allowed|unbounded"
        r"|min value is negative|max value is outside|[Uu]nknown value .* bounds"
        r"|invalid variable-offset|variable stack access|zero-sized read|invalid negative",
        "for the verifier this number can be anything, or negative, or zero",
        "compare it with a constant on both sides just before the use, or mask it (x &= 63); "
        "use an unsigned type",
    ),
    Advice(
        "argument-missing",
        r"doesn't have \d+-th argument",
        "the function or tracepoint has fewer arguments on this kernel",
        "compare with its declaration in this kernel's BTF (bpf2py vmlinux)",
    ),
    Advice(
        "context-access",
        r"invalid bpf_context access",
        "this field of the context does not exist, or may not be read or written in this size by "
        "this type of program",
        "look at the fields of the context that the program type allows; BTF-typed programs "
        "(tp_btf, fentry) need the types of the kernel's own BTF",
    ),
    Advice(
        "context-modified",
        r"modified ctx|variable ctx access|dereference of modified|pointer arithmetic on ctx",
        "the context pointer was changed before it was used; often the compiler did so",
        "read its fields directly, at constant offsets; a barrier_var() keeps the compiler from "
        "merging branches",
    ),
    Advice(
        "invalidated-pointer",
        r"invalid mem access '(?:scalar|inv)'.*\(was ",
        "this was a pointer until a call made it invalid: it was released or submitted, or the "
        "packet was changed",
        "use it before that call, or fetch and check it again behind it",
    ),
    Advice(
        "not-a-pointer",
        r"invalid mem access '(?:scalar|inv|untrusted)|invalid mem access 'rdonly_untrusted",
        "this is a number and no pointer for the verifier: what was read from memory that it "
        "does not follow, or computed",
        "kernel memory is read with bpf_probe_read_kernel() or BPF_CORE_READ(), that of "
        "processes with bpf_probe_read_user()",
    ),
    Advice(
        "pointer-arithmetic",
        r"pointer arithmetic|math between .+ pointer|arithmetic prohibited|pointer comparison"
        r"|bitwise operator .* on pointer|pointer operation",
        "a pointer is computed with in a way that the verifier does not follow",
        "check the number's bounds before it is added, add to pointers only (no shifts, no masks), "
        "and test for NULL before",
    ),
    Advice(
        "pointer-leak",
        r"leaks addr|leak pointer|partial copy of pointer",
        "an address of the kernel would get to where user space can read it",
        "store numbers, not pointers; as a user without CAP_PERFMON this is never allowed",
    ),
    Advice(
        "read-only",
        r"write into map forbidden|read from map forbidden|cannot write into rdonly|rdonly_mem"
        r"|read[- ]only|only read|writes? (?:to|into) .* (?:not allowed|prohibited|forbidden)",
        "what is written to is read-only for programs (a constant in .rodata, a kernel object, "
        "a map made with BPF_F_RDONLY_PROG)",
        "take a copy, or a variable that is not const",
    ),
    Advice(
        "argument-type",
        r"type=.+ expected=|arg#\d+|Arg#\d+|must be (?:a )?(?:referenced|trusted|rcu)|must point to"
        r"|expected pointer to|Caller passes invalid args|Expected (?:an )?(?:un)?initialized dynptr"
        r"|dynptr|must be a known constant|is not a (?:known )?const",
        "an argument is not what the helper, kfunc or function takes",
        "compare the types in the complaint with the declaration: pointer or number, checked for "
        "NULL, acquired, a constant size, a dynptr that was made",
    ),
    # ---- the stack ------------------------------------------------------------------------------
    Advice(
        "stack-size",
        r"combined stack size|stack depth|stack size|looks? like the stack|exceeds? .* stack"
        r"|invalid (?:write|read|access) (?:to|from|of)? ?stack R\d+ off=-(?:5[2-9]\d|51[3-9]|[6-9]\d\d"
        r"|\d{4,})|invalid stack off=-(?:51[3-9]|5[2-9]\d|[6-9]\d\d|\d{4,})",
        "the stack has 512 bytes for a program and all functions it is in",
        "put large variables into a per-CPU array, or a global",
    ),
    Advice(
        "stack-uninitialized",
        r"invalid (?:indirect )?(?:read|access) (?:from|to|of)? ?stack|invalid stack"
        r"|corrupt(?:ed)? spill|spilled pointer|invalid write to stack",
        "bytes of the stack (512 in all) are read that nothing has written: often the padding of "
        "a struct, or a size that is too large",
        "set every byte before it is handed on: struct event e = {}; for padding use "
        "__builtin_memset()",
    ),
    # ---- how the program runs -------------------------------------------------------------------
    Advice(
        "endless-loop",
        r"infinite loop detected|back-edge|loop detected|recursive call|recursion",
        "the verifier does not see the end of a loop, or a function calls itself",
        "bound the loop by a constant, or use bpf_loop(), bpf_for() or an iterator",
    ),
    Advice(
        "too-complex",
        r"program is too large|too complex|too many (?:states|jumps|instructions|subprograms)"
        r"|call stack .* too deep|the call stack of \d+ frames is too deep",
        "there are more ways through the program than this kernel looks at (1 million "
        "instructions since 5.2, 4096 before)",
        "split it (tail calls, global functions, bpf_loop()), and make branches meet early",
    ),
    Advice(
        "resource-leak",
        r"[Uu]nreleased reference|has not been released|would lead to reference leak"
        r"|must be released|Unreleased|reference leak",
        "what was acquired (socket, ring buffer record, lock, iterator …) is not released on this "
        "way out",
        "release it on every path, the early returns too",
    ),
    Advice(
        "resource-not-held",
        r"reference .*not acquired|release.*(?:unowned|unreferenced)|must be referenced when passed"
        r"|zero offset when passed to release|unlock without taking a lock",
        "what is released here was not acquired, or was released before, or was moved",
        "release just what an acquiring call returned, once",
    ),
    Advice(
        "return-value",
        r"At program exit the register R0|At .+ the register R0|R0 has (?:unknown|value|smin)"
        r"|should have been in|return value",
        "the return value is not one this kind of program may have",
        "return one of the values in the complaint; a value that is computed must be compared "
        "with its bounds first",
    ),
    Advice(
        "control-flow",
        r"last insn is not an exit|jump out of range|jump into the middle|no exit|invalid insn idx",
        "the program does not end in an exit, or jumps out of a function",
        "return from every path; was the object put together by hand?",
    ),
    Advice(
        "unreachable",
        r"unreachable insn",
        "some instructions are never reached",
        "was the object put together well? Compile it with -O2",
    ),
    Advice(
        "misaligned",
        r"misaligned",
        "memory is read or written at a place that is no multiple of the size",
        "align the struct, or read byte by byte (a packed struct makes the compiler do so)",
    ),
    # ---- what the object asks of the kernel -----------------------------------------------------
    Advice(
        "unknown-address",
        r"unrecognized bpf_ld_imm64 insn",
        "this kernel has no addresses of that kind in programs: of global variables (5.2), kernel "
        "variables (5.8) or callbacks (5.13)",
        "keep what were global variables in the elements of an array map, or run a newer kernel",
    ),
    Advice(
        "unknown-instruction",
        r"unknown opcode|uses reserved fields|invalid (?:BPF_LD_IMM|bpf_ld_imm64|imm64) insn"
        r"|unknown insn|BPF_\w+ uses reserved|invalid atomic",
        "this kernel does not know an instruction of the program",
        "compile for an older BPF CPU: clang -mcpu=v3 (before 6.6), v2 (before 5.1)",
    ),
    Advice(
        "not-a-map",
        r"not pointing to valid bpf_map|cannot read from map|map .* is not",
        "an instruction takes something for a map that is none",
        "was the map switched off (autocreate) or closed before the program was loaded?",
    ),
    Advice(
        "debug-info",
        r"func_info|line_info|btf_id|func_proto|invalid type_id|BTF",
        "the object's BTF, or the target of the program, does not fit what this kernel has",
        "compile with -g for this kernel's headers; a program's target must exist and may be "
        "traced (/sys/kernel/tracing/available_filter_functions)",
    ),
    Advice(
        "target",
        r"attach_btf_id|not allowed to (?:be )?attach|is not a function|doesn't have exactly"
        r"|not allowed",
        "the target of this program does not fit its type on this kernel",
        "check the name behind the section's slash, and that the kernel allows it there",
    ),
    Advice(
        "kernel-bug",
        r"verifier bug|kernel subsystem misconfigured|BUG|invariants violation",
        "this is a fault of the kernel's verifier itself",
        "report it with the log; a later stable release may have it mended",
    ),
)


def advice_for(complaint: str) -> Advice | None:
    """The row for a complaint, or ``None``."""
    return next((row for row in ADVICE if re.search(row.pattern, complaint)), None)
