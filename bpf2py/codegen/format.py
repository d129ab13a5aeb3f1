"""A module's text in black's format, without asking black where the answer is known.

In: the text that templates lay out, a statement to a line.  Out: what ``black.format_str`` would
make of it; where that is not certain, black is asked about the one statement.  Importing black and
formatting a module takes a multiple of everything else that generating needs, and of black's rules
few apply here: which quotes, how many blank lines, and how brackets open when a line is too long.
``tests/codegen/test_format.py`` holds the text against black's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

LINE_LENGTH = 100

#: Docstrings and comments, which stay as they are, and strings in either quotes.
_QUOTED = re.compile(r'"""(?s:.*?)"""|#.*|"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\'')
#: A call over three lines, without the comma that would keep it so.
_IN_THREE = re.compile(r"^( +)([\w.]+ = [\w.]+\()\n\1    (\S.*[^,\s])\n\1\)$", re.M)
_STRING = r'(?:b?"(?:[^"\\]|\\.)*"|b?\'(?:[^\'\\]|\\.)*\')'
_TOKEN = re.compile(rf"{_STRING}|[()\[\]{{}}]|, ?|(?:(?!{_STRING})[^()\[\]{{}},])+")
_STRINGS = re.compile(rf"{_STRING}(?: {_STRING})+")
_NAME = re.compile(r"\w+(?:\.\w+)*")
_ATOM = re.compile(rf"(?:\w+=)?(?:\w+|{_STRING})")
#: What stands before a bracket that opens: the name that is called, its keyword or key.
_CALLED = re.compile(rf"(?:\w+=|{_STRING}: )?[\w.]*")
#: What may open to several lines: something that is returned or assigned, or an item by itself.
_STATEMENT = re.compile(
    r"( *)((?:def |return |[\w.]+(?:\[\"[\w.]+\"\][\w.]*)*(?:: [\w.\[\], |]+)? = )?)"
    r"(.*?)(,?|(?<=\)) -> None: \.\.\.)"
)
#: What the machine's layout chooses between two; of more, black puts some into parentheses.
_CHOICE = re.compile(
    r"((?:(?! else )[\w.(), ])+) (if _layout == 0) (else (?:(?! else )[\w.(), ])+)"
)
_IMPORTS = ("import ", "from ")
_BLOCKS = ("class ", "def ", "@")
_CLOSED_BY = {"(": ")", "[": "]", "{": "}"}


class _Unsure(Exception):
    """Only black knows."""


class _Bracket:
    """A pair of brackets; ``items`` stand between commas, each a list of text and brackets."""

    __slots__ = ("items", "opening", "trailing_comma")

    def __init__(self, opening: str) -> None:
        self.opening = opening
        self.items: list[_Item] = [[]]
        self.trailing_comma = False

    def __str__(self) -> str:
        return f"{self.opening}{self.body()}{_CLOSED_BY[self.opening]}"

    def body(self) -> str:
        return ", ".join(map(_flat, self.items)) + "," * self.trailing_comma


_Item = list["str | _Bracket"]


def formatted(text: str, by_black: Callable[[str], str] | None = None) -> str | None:
    """*text* as black leaves it; *by_black* is asked about the statements that only black can tell.

    Without it the answer is ``None`` if there are such.
    """
    text = _IN_THREE.sub(_joined, _QUOTED.sub(_double_quoted, text))
    lines: list[str] = []
    for statement in _statements(text.split("\n")):
        found: list[str] = []
        try:
            for line in statement:
                found += [line.rstrip()] if _fits(line) else _opened(line)
        except _Unsure:
            if by_black is None:
                return None
            source = "\n".join(statement)
            blank = len(source) - len(source.rstrip("\n"))
            found = (by_black(source).rstrip("\n") + "\n" * blank).split("\n")
        lines += found
    return "\n".join(_spaced(lines))


def _statements(lines: list[str]) -> Iterator[list[str]]:
    """*lines* in groups, each a statement at the top level with what belongs to it."""
    group: list[str] = []
    for line in lines:
        begins = line and line[0] not in " )]}"
        if begins and group and not group[-1].startswith("@"):
            yield group
            group = []
        group.append(line)
    yield group


def _fits(line: str) -> bool:
    # characters may be wider than one column, but not than their bytes
    return len(line) <= LINE_LENGTH and (line.isascii() or len(line.encode()) <= LINE_LENGTH)


def _double_quoted(match: re.Match[str]) -> str:
    """A string in double quotes, unless that takes more backslashes."""
    text = match[0]
    if text[0] != "'":
        return text
    body = text[1:-1]
    wanted = re.sub(r"\\(.)|\"", lambda m: {"'": "'", None: '\\"'}.get(m[1], m[0]), body)
    return text if wanted.count("\\") > body.count("\\") else f'"{wanted}"'


def _joined(match: re.Match[str]) -> str:
    indent, call, arguments = match.groups()
    line = f"{indent}{call}{arguments})"
    return line if _fits(line) else match[0]


def _spaced(lines: list[str]) -> Iterator[str]:
    """*lines* with two blank ones around classes and functions, and no more anywhere.

    Inside a block there is one at most, and none at the end.
    """
    blank, previous, in_block = 0, "#", False
    for line in lines:
        if not line:
            blank += 1
            continue
        if line[0] == " ":
            blank = min(blank, 1)
        elif line.startswith(_BLOCKS):
            attached = previous[0] == "@" or (previous[0] == "#" and not blank)
            blank = 0 if attached else 2
            in_block = True
        elif line[0] not in ")]}":
            blank = 2 if in_block else min(blank, 1 if previous.startswith(_IMPORTS) else 2)
            in_block = False
        yield from [""] * blank
        blank, previous = 0, line
        yield line
    yield ""


# ---- lines that are too long ---------------------------------------------------------------------


def _opened(line: str) -> list[str]:
    """The statement, item or comment that is *line*, over as many lines as it needs."""
    if line.lstrip().startswith("# "):
        return [line.rstrip()]
    match = _STATEMENT.fullmatch(line)
    if match is None or not line.isascii():
        raise _Unsure
    indent, head, expression, tail = match.groups()
    if head.endswith("= ") and _NAME.fullmatch(expression):
        return _in_parentheses(indent, head, [expression])
    choice = _CHOICE.fullmatch(expression) if head.endswith("= ") and not tail else None
    if choice is not None:
        inside = [expression]
        if len(f"{indent}    {expression}") > LINE_LENGTH:
            inside = list(choice.groups())
        return _in_parentheses(indent, head, inside)
    return list(_laid_out(_parsed(expression), len(indent), head, tail))


def _in_parentheses(indent: str, head: str, inside: list[str]) -> list[str]:
    lines = [f"{indent}{head}(", *(f"{indent}    {part}" for part in inside), f"{indent})"]
    if max(map(len, lines)) > LINE_LENGTH:
        raise _Unsure
    return lines


def _laid_out(item: _Item, indent: int, head: str = "", tail: str = "") -> Iterator[str]:
    """*item* between *head* and *tail*: on one line, or with its last bracket opened."""
    pad = " " * indent
    line = f"{pad}{head}{_flat(item)}{tail}"
    if len(line) <= LINE_LENGTH:
        yield line
        return
    if _ATOM.fullmatch(_flat(item)):
        yield line  # nothing to open
        return
    *before, bracket = item or [""]
    if not isinstance(bracket, _Bracket) or any(isinstance(part, _Bracket) for part in before):
        raise _Unsure
    name = "".join(map(str, before))
    line = f"{pad}{head}{name}{bracket.opening}"
    if len(line) > LINE_LENGTH or not all(bracket.items) or not _CALLED.fullmatch(name):
        raise _Unsure
    yield line
    yield from _body(bracket, indent + 4, is_call=name[-1:].isidentifier())
    yield f"{pad}{_CLOSED_BY[bracket.opening]}{tail}"


def _body(bracket: _Bracket, indent: int, *, is_call: bool) -> Iterator[str]:
    """What stands in an opened bracket: on one line if it can, else an item to a line."""
    line = " " * indent + bracket.body()
    many = len(bracket.items) > 1
    if len(line) <= LINE_LENGTH and (is_call or not many):
        yield line
    elif many:
        for item in bracket.items:
            yield from _laid_out(item, indent, tail=",")
    elif _STRINGS.fullmatch(text := _flat(bracket.items[0])):
        for string in re.findall(_STRING, text):
            yield from _laid_out([string], indent)
    else:
        yield from _laid_out(bracket.items[0], indent, tail="," * bracket.trailing_comma)


def _flat(item: _Item) -> str:
    return "".join(map(str, item))


def _parsed(expression: str) -> _Item:
    """An expression as a tree of its brackets."""
    whole = _Bracket("(")
    stack = [whole]
    for token in _TOKEN.findall(expression):
        top = stack[-1]
        top.trailing_comma = False
        if token in _CLOSED_BY:
            stack.append(_Bracket(token))
        elif token[0] == ",":
            top.items.append([])
        elif token in ")]}":
            if len(stack) == 1 or _CLOSED_BY[top.opening] != token:
                raise _Unsure
            if len(top.items) > 1 and not top.items[-1]:
                top.items.pop()
                top.trailing_comma = True
            stack.pop()
            stack[-1].items[-1].append(top)
        else:
            top.items[-1].append(token)
    if len(stack) > 1 or len(whole.items) > 1 or _flat(whole.items[0]) != expression:
        raise _Unsure
    return whole.items[0]
