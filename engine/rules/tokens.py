"""The words of an expression, each with its column, and the mistake that points at one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, Literal, NoReturn

import attrs

from engine.rules.checks import shown

EXPRESSION_CHARS_MAX: Final = 4_096
Kind = Literal["number", "name", "text", "op", "mark", "end"]

_TOKEN: Final = re.compile(
    r"""(?P<space>[ \t\r\n]+)
      | (?P<number>\$?[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?)(?P<unit>%|[A-Za-z]+)?
      | (?P<name>[A-Za-z_]\w*)
      | (?P<text>"(?:[^"\\]|\\["'\\])*"|'(?:[^'\\]|\\["'\\])*')
      | (?P<op>==|!=|>=|<=|>|<)
      | (?P<mark>[(),])""",
    re.VERBOSE | re.ASCII,
)
_ESCAPED: Final = re.compile(r"\\(.)")
_MENDS: Final = {
    "&": "write and",
    "|": "write or",
    "!": "write not",
    "=": "use == to compare",
    **dict.fromkeys("\"'", "the quote is not closed (a backslash in it is written twice)"),
    **dict.fromkeys("+-*/", "there is no arithmetic: compare a name with a number or an indicator"),
}


class ExpressionError(ValueError):
    """What is wrong with an expression, and at which column of it, counted from 1."""

    def __init__(self, said: str, column: int) -> None:
        super().__init__(f"column {column}: {said}")
        self.said = said
        self.column = column


@attrs.frozen
class Token:
    kind: Kind
    text: str  # of a text what is between the quotes, of a number without its unit
    column: int
    unit: str = ""

    def refuse(self, said: str) -> NoReturn:
        raise ExpressionError(said, self.column)

    @property
    def shown(self) -> str:
        return "the end" if self.kind == "end" else shown(self.text + self.unit)


def tokens(said: str) -> list[Token]:
    """All of an expression, with an end behind it.

    Raises:
        ExpressionError: it is too long, or something in it is no word of it.
    """
    if len(said) > EXPRESSION_CHARS_MAX:
        raise ExpressionError(
            f"{len(said)} characters, an expression has {EXPRESSION_CHARS_MAX} at most: "
            "make two rules of it, or write the condition as tables",
            EXPRESSION_CHARS_MAX + 1,
        )
    return [*_tokens(said), Token("end", "", len(said) + 1)]


def _tokens(said: str) -> Iterator[Token]:
    at = 0
    while at < len(said):
        found = _TOKEN.match(said, at)
        if found is None:
            mend = _MENDS.get(said[at], "it has no meaning here")
            raise ExpressionError(f"{shown(said[at])}: {mend}", at + 1)
        if found["number"]:
            text, unit = found["number"], found["unit"] or ""
            if text[0] == "$":
                text, unit = text[1:], f"${unit}"
            yield Token("number", text, at + 1, unit)
        elif found["text"]:
            yield Token("text", _ESCAPED.sub(r"\1", found["text"][1:-1]), at + 1)
        elif not found["space"]:
            kind: Kind = "name" if found["name"] else "op" if found["op"] else "mark"
            yield Token(kind, found[0], at + 1)
        at = found.end()


def quoted(text: str) -> str:
    """A text as an expression writes it."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
