"""Where in a TOML file a key stands.

``tomllib`` reads a file and forgets where it found what. This walks over a text that ``tomllib``
has taken already, and remembers the line of every key; of values it knows no more than where they
end.
"""

from __future__ import annotations

import re
import tomllib
from itertools import zip_longest
from typing import Final

Path = tuple[str | int, ...]

_BLANK: Final = re.compile(r"(?:[ \t\n]|#[^\n]*)*")
_INLINE_BLANK: Final = re.compile(r"[ \t]*")
_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
_STRING: Final = re.compile(
    r'"""(?:[^\\]|\\.)*?"""(?:"{0,2})'  # up to two quotes before the closing three are text
    r"|'''.*?'''(?:'{0,2})"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'",
    re.DOTALL,
)
_PLAIN: Final = re.compile(r"[^,\]}\n#]*")  # numbers, dates, true and false


def lines_of(text: str) -> dict[Path, int]:
    """The line, from 1, of every key and list item of a valid file, by its path.

    A path consists of keys, and of numbers from 0 for the items of a list. What a dotted key or a
    header makes on the way has the line where it was made first.
    """
    walk = _Walk(text.replace("\r\n", "\n"))
    try:
        walk.document()
    except RecursionError:
        return {}  # nested deeper than any settings
    return walk.lines


def line_of(lines: dict[Path, int], path: Path) -> int | None:
    """The line of a path, or of what it is a part of, for something that is missing.

    A table may stand for a list of one, and a list for the table that holds it under a key of its
    own: such steps of a path are not in the file.
    """
    known: Path = ()
    for part, following in zip_longest(path, path[1:]):
        if (*known, part) in lines:
            known = (*known, part)
        elif not isinstance(part, int) and not isinstance(following, int):
            break
    return lines.get(known)


class _Walk:
    def __init__(self, text: str) -> None:
        self.lines: dict[Path, int] = {}
        self._text = text
        self._at = 0
        self._line = 1
        self._items: dict[Path, int] = {}  # of lists of tables, so far

    def document(self) -> None:
        inside: Path = ()
        self._pass(_BLANK)
        while self._at < len(self._text):
            if self._text.startswith("[", self._at):
                inside = self._header()
            else:
                self._pair(inside)
            self._pass(_BLANK)

    # -- reading ---------------------------------------------------------------------------------

    def _pass(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self._text, self._at)
        if found is None:
            raise AssertionError(f"line {self._line}: not the TOML that tomllib reads")
        self._at = found.end()
        self._line += found[0].count("\n")
        return found[0]

    def _skip(self, mark: str) -> bool:
        if not self._text.startswith(mark, self._at):
            return False
        self._at += len(mark)
        return True

    def _key(self) -> tuple[str, ...]:
        """A key, with dots or not."""
        parts = []
        while True:
            self._pass(_INLINE_BLANK)
            if self._text[self._at] in "\"'":
                parts.append(_unquoted(self._pass(_STRING)))
            else:
                parts.append(self._pass(_BARE))
            self._pass(_INLINE_BLANK)
            if not self._skip("."):
                return tuple(parts)

    # -- what stands where -------------------------------------------------------------------------

    def _note(self, path: Path) -> None:
        self.lines.setdefault(path, self._line)

    def _header(self) -> Path:
        several = self._skip("[[")
        if not several:
            self._skip("[")
        path: Path = ()
        *above, last = self._key()
        for part in above:
            path = self._latest((*path, part))
        path = (*path, last)
        self._note(path)
        if several:
            number = self._items.get(path, 0)
            self._items[path] = number + 1
            path = (*path, number)
            self._note(path)
        else:
            path = self._latest(path)
        self._skip("]]" if several else "]")
        return path

    def _latest(self, path: Path) -> Path:
        """The latest item of a list of tables stands for it."""
        self._note(path)
        return (*path, self._items[path] - 1) if path in self._items else path

    def _pair(self, inside: Path) -> None:
        path = inside
        for part in self._key():
            path = (*path, part)
            self._note(path)
        self._skip("=")
        self._pass(_INLINE_BLANK)
        self._value(path)

    def _value(self, path: Path) -> None:
        if self._skip("["):
            self._list(path)
        elif self._skip("{"):
            self._table(path)
        elif self._text[self._at] in "\"'":
            self._pass(_STRING)
        else:
            self._pass(_PLAIN)

    def _list(self, path: Path) -> None:
        number = 0
        self._pass(_BLANK)
        while not self._skip("]"):
            item = (*path, number)
            self._note(item)
            self._value(item)
            self._pass(_BLANK)
            self._skip(",")
            self._pass(_BLANK)
            number += 1

    def _table(self, path: Path) -> None:
        self._pass(_BLANK)
        while not self._skip("}"):
            self._pair(path)
            self._pass(_BLANK)
            self._skip(",")
            self._pass(_BLANK)


def _unquoted(key: str) -> str:
    found: str = tomllib.loads(f"key = {key}")["key"]
    return found
