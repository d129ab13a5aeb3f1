"""What the text of a generated module says of its object, without running it.

In: the text, and the file beside it if there is one.  Out: :data:`Facts`: those that
``codegen.facts`` has of a model, and what else the description says.  A module is data that lies in
a repository: it is read, never imported.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Callable, Iterator
from typing import Any

from ..codegen.facts import Code, Fact, Facts, Place, subject
from ..runtime.blob import blob


class UnreadableError(ValueError):
    """The text is none that this version of the generator writes."""


#: What is said of maps, programs and the object: key in the description, and how it is called.
_MAP = ("map_type", "max_entries", "flags", "map_extra", "numa_node", "pinning", "inner")
_FILLED = ("values", "functions", "autocreate", "autoattach")
_PROGRAM = ("section", "prog_type", "attach_type", "attach_to", "flags", "autoload", "autoattach")
_OBJECT = ("name", "license", "byte_order", "arch")
_CODE = ("insns", "map_relocations", "core_relocations")
_LINES = ("func_info", "line_info")

#: What is said in other words, or is but a number of a type.
_IDS = ("key_type_id", "value_type_id", "event_type_id")
_PARTS = ("name", "maps", "programs", "btf", "digest", "section", "data", "variables")
_SIZES = ("key_size", "value_size")
_SAID = frozenset((*_IDS, *_PARTS, *_SIZES, *_MAP, *_FILLED, *_PROGRAM, *_OBJECT, *_CODE, *_LINES))

#: What follows from other changes, and is worth a word only if there are none.
TYPES_AND_LINES = "BTF or source lines"

#: The defaults that people should see instead of nothing.
_DEFAULTS = {"max_entries": 0, "autoload": True, "autoattach": True, "flags": 0, "license": ""}


def read(text: str, beside: Callable[[], bytes] = bytes) -> Facts:
    """The facts in the module *text*; *beside* gives the bytes of its file beside it.

    :class:`UnreadableError` if it is no generated module, or one that somebody edited.
    """
    try:
        tree = ast.parse(text)
        return _Reader(tree, beside).facts()
    except (SyntaxError, LookupError, TypeError, ValueError, AttributeError, RecursionError) as exc:
        raise UnreadableError(str(exc)) from exc


class _Reader:
    def __init__(self, tree: ast.Module, beside: Callable[[], bytes]) -> None:
        self._tree = tree
        self._classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
        self._functions = {
            node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)
        }
        self._beside = beside
        #: Per layout but the first, what follows the names of its types.
        self._elsewhere: list[str] = []

    def facts(self) -> Facts:
        found: Facts = {}
        variants: list[tuple[str, str]] = [("", "_object_spec")]
        for node in self._tree.body:
            match node:
                case ast.Assign(targets=[ast.Name(id="_layout")], value=ast.Call(args=layouts)):
                    names = [", ".join(ast.literal_eval(each)) for each in layouts]
                    self._elsewhere = [f" on {name}" for name in names[1:]]
                case ast.Assign(targets=[ast.Name(id="_variants")], value=ast.Call(args=rows)):
                    variants = [self._variant(row) for row in rows]
                case ast.Expr(value=ast.Call() as call):
                    self._registered(found, call, "")
                case ast.If():
                    for layout, call in self._branches(node):
                        self._registered(found, call, layout)
                case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                    found[f"constant {name}"] = {"": ast.unparse(value)}
                case ast.ClassDef():
                    self._class(found, node)
                case _:
                    pass
        self._descriptions(found, variants)
        return found

    # ---- types ----

    def _branches(self, node: ast.If) -> Iterator[tuple[str, ast.Call]]:
        """What each layout registers, and what its types are called."""
        names = iter(["", *self._elsewhere])
        rest: list[ast.stmt] = [node]
        while rest:
            match rest:
                case [ast.If(body=[ast.Expr(value=ast.Call() as call)], orelse=others)]:
                    rest = others
                case [ast.Expr(value=ast.Call() as call)]:
                    rest = []
                case _:
                    raise UnreadableError("a layout is not registered")
            yield next(names), call

    def _registered(self, found: Facts, call: ast.Call, layout: str) -> None:
        """``codec.struct(Class, size, rows)`` or ``codec.union(Class, size)``."""
        cls, size, *rows = call.args
        said: dict[str, Fact] = {"size": _value_or_text(size)}
        node = self._classes[ast.unparse(cls)]
        if rows:
            match rows[0]:
                case ast.Tuple(elts=members):
                    pass
                case _:
                    raise UnreadableError("a layout is no table")
            for member in members:
                assert isinstance(member, ast.Tuple)
                name, offset, codec = member.elts
                said[ast.literal_eval(name)] = Place(ast.literal_eval(offset), ast.unparse(codec))
        else:
            said |= dict(_views(node))
        found[self._subject(node) + layout] = said

    def _subject(self, node: ast.ClassDef) -> str:
        return subject(node.name, ast.get_docstring(node) or "")

    def _class(self, found: Facts, node: ast.ClassDef) -> None:
        match [ast.unparse(base) for base in node.bases]:
            case ["enum.IntEnum" | "enum.IntFlag" as kind]:
                members = {name: ast.literal_eval(value) for name, value in _assigned(node)}
                flags = {"class": kind} if kind == "enum.IntFlag" else {}
                found[self._subject(node)] = flags | members
            case ["runtime.Maps"]:
                for call in _made(node):
                    c_name, codecs = _c_name(call), [ast.unparse(each) for each in call.args[1:]]
                    said = found.setdefault(f"map {c_name}", {})
                    said |= {"class": _last(call), "codecs": ", ".join(codecs)}
            case ["runtime.Programs"]:
                for call in _made(node):
                    found.setdefault(f"program {_c_name(call)}", {})["class"] = _last(call)
            case ["runtime.Data"]:
                section = (ast.get_docstring(node) or "").split("``")[1]
                for name, value in _assigned(node):
                    if isinstance(value, ast.Call):
                        codec, offset = value.args
                        place = Place(ast.literal_eval(offset), ast.unparse(codec))
                        found[f"variable {section} {name}"] = {"": place}
            case _:
                pass

    # ---- descriptions ----

    def _variant(self, row: ast.expr) -> tuple[str, str]:
        """Name and function of one variant."""
        assert isinstance(row, ast.Call)
        order, arch, cpu, _, function = row.args
        machine = f"{ast.literal_eval(order)}-endian {ast.literal_eval(arch)}".rstrip()
        return f"{machine} v{ast.literal_eval(cpu)}", ast.unparse(function)

    def _descriptions(self, found: Facts, variants: list[tuple[str, str]]) -> None:
        first: Facts = {}
        for name, function in variants:
            facts = _description(self._call(function))
            if not first:
                first = facts
                for what, said in facts.items():
                    found.setdefault(what, {}).update(said)
            else:
                for what, said in facts.items():
                    others = {
                        key: fact
                        for key, fact in said.items()
                        if first.get(what, {}).get(key) != fact
                    }
                    if others:
                        found[f"{what} on {name}"] = others
            if len(variants) > 1:
                found.setdefault("object", {})[f"variant for {name}"] = "there"

    def _call(self, function: str) -> Any:
        """What a function of the module without arguments returns."""
        scope: dict[str, Any] = {}
        for node in self._functions[function].body:
            match node:
                case ast.Return(value=ast.expr() as value):
                    return self._value(value, scope)
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    scope[name] = self._value(value, scope)
                case ast.Assign(targets=[target], value=value):
                    self._assign(target, self._value(value, scope), scope)
                case ast.Expr():
                    pass
                case _:
                    raise UnreadableError(f"{function} does more than to describe")
        raise UnreadableError(f"{function} returns nothing")

    def _assign(self, target: ast.expr, value: Any, scope: dict[str, Any]) -> None:
        match target:
            case ast.Attribute(value=inner, attr=key):
                self._value(inner, scope)[key] = value
            case ast.Subscript(value=inner, slice=index):
                self._value(inner, scope)[ast.literal_eval(index)] = value
            case _:
                raise UnreadableError("an assignment to something else")

    def _value(self, node: ast.expr, scope: dict[str, Any]) -> Any:
        """A value; records as dicts, numbers of the kernel by their names."""
        match node:
            case ast.Constant(value=value):
                return value
            case ast.Tuple(elts=items) | ast.List(elts=items):
                return [self._value(item, scope) for item in items]
            case ast.Dict(keys=keys, values=values):
                return {
                    ast.literal_eval(key): self._value(value, scope)
                    for key, value in zip(keys, values, strict=True)
                    if key is not None
                }
            case ast.Name(id=name):
                return scope[name]
            case ast.Subscript(value=inner, slice=ast.Slice(lower=low, upper=high)):
                assert low is not None
                assert high is not None
                return self._value(inner, scope)[ast.literal_eval(low) : ast.literal_eval(high)]
            case ast.Subscript(value=inner, slice=index):
                return self._value(inner, scope)[ast.literal_eval(index)]
            case ast.Attribute(value=inner, attr=key) if _root(inner) in scope:
                return self._value(inner, scope)[key]
            case ast.Call(func=ast.Attribute(value=ast.Name(id="runtime"), attr="blob")):
                return blob(ast.literal_eval(node.args[0]))
            case ast.Call(func=ast.Attribute(value=ast.Name(id="spec")), keywords=words):
                return {word.arg: self._value(word.value, scope) for word in words}
            case ast.Call(func=ast.Name(id="bytearray"), args=[inner]):
                return bytes(self._value(inner, scope))
            case ast.Call(func=ast.Name(id="_data")):
                return self._beside()
            case ast.Call(func=ast.Name(id=name), args=[]):
                return self._call(name)
            case _:
                return ast.unparse(node).replace("uapi.", "").replace("spec.", "")


def _description(spec: Any) -> Facts:
    found: Facts = {"object": {key: _shown(key, spec.get(key)) for key in _OBJECT} | _rest(spec)}
    for name, row in spec.get("maps", {}).items():
        for variable, said in _variables(name, row):
            found[variable] = said
        if row.get("section"):
            continue
        facts: dict[str, Fact] = {key: _shown(key, row.get(key)) for key in _MAP} | _rest(row)
        facts |= {key: _shown(key, row[key]) for key in _FILLED if key in row}
        if row.get("data") and not row.get("variables"):
            facts["settings"] = Code("", _digest(row["data"]))
        for key in ("key_size", "value_size"):
            facts[key] = row.get(key, 0)
        found[f"map {name}"] = facts
    for name, row in spec.get("programs", {}).items():
        facts = {key: _shown(key, row.get(key)) for key in _PROGRAM} | _rest(row)
        amount = f"{len(row.get('insns', b'')) // 8} instructions"
        facts["code"] = Code(amount, _digest([row.get(key) for key in _CODE]))
        found[f"program {name}"] = facts
    lines = [[row.get(key) for key in _LINES] for row in spec.get("programs", {}).values()]
    found["object"][TYPES_AND_LINES] = Code("", _digest([spec.get("btf"), lines]))
    return found


def _rest(row: Any) -> dict[str, Fact]:
    """What else there is in a description: only that it changed can be said of it."""
    return {key: Code("", _digest(value)) for key, value in row.items() if key not in _SAID}


def _digest(value: object) -> str:
    return hashlib.sha256(repr(value).encode()).hexdigest()


def _variables(map_name: str, row: Any) -> Iterator[tuple[str, dict[str, Fact]]]:
    """What each variable of a section begins with; by its C name."""
    data = row.get("data") or b""
    for name, variable in row.get("variables", {}).items():
        value = data[variable["offset"] : variable["offset"] + variable["size"]]
        yield f"variable {row.get('section') or map_name} {name}", {
            "first value": value.hex(" ", -4)
        }


def _shown(key: str, value: Any) -> Fact:
    if value is None:
        value = _DEFAULTS.get(key, "")
    return value if isinstance(value, int | str) and not isinstance(value, bool) else str(value)


def _value_or_text(node: ast.expr) -> Fact:
    """A number, or the expression that picks one of several."""
    match node:
        case ast.Constant(value=int(size)):
            return size
        case _:
            return ast.unparse(node)


def _views(node: ast.ClassDef) -> Iterator[tuple[str, Fact]]:
    """The members of a union: ``name = codec.member(codec, offset)``."""
    for name, value in _assigned(node):
        if name == "__slots__":
            continue
        if isinstance(value, ast.Call):
            codec, *offset = value.args
            yield name, Place(ast.literal_eval(offset[0]) if offset else 0, ast.unparse(codec))
        else:
            yield name, ast.unparse(value)


def _assigned(node: ast.ClassDef) -> Iterator[tuple[str, ast.expr]]:
    for each in node.body:
        match each:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                yield name, value
            case _:
                pass


def _made(node: ast.ClassDef) -> Iterator[ast.Call]:
    """What a container makes: ``self.name = runtime.Class(loaded.map("name"), …)``."""
    for function in node.body:
        if isinstance(function, ast.FunctionDef):
            for each in function.body:
                match each:
                    case ast.Assign(value=ast.Call() as call):
                        yield call
                    case _:
                        pass


def _c_name(call: ast.Call) -> str:
    inner = call.args[0]
    assert isinstance(inner, ast.Call)
    name: str = ast.literal_eval(inner.args[0])
    return name


def _last(call: ast.Call) -> str:
    assert isinstance(call.func, ast.Attribute)
    return call.func.attr


def _root(node: ast.expr) -> str:
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""
