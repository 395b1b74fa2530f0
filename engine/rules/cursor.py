"""Walking through the words of an expression: what comes next, and the refusal of what may not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from engine.rules.checks import shown
from engine.rules.tokens import ExpressionError, Token, tokens

_STRICT: Final = {">": ">=", "<": "<="}


class Cursor:
    def __init__(self, said: str) -> None:
        self._tokens = tokens(said)
        self._at = 0

    @property
    def next(self) -> Token:
        return self._tokens[self._at]

    def take(self) -> Token:
        token = self.next
        self._at += token.kind != "end"
        return token

    def word(self, word: str) -> bool:
        """Whether this word comes next; then it is taken."""
        token = self.next
        if token.kind == "name" and token.text.lower() == word:
            if token.text != word:
                token.refuse(f"write {word} in small letters")
            self._at += 1
            return True
        return False

    def mark(self, mark: str) -> bool:
        found = self.next.kind == "mark" and self.next.text == mark
        self._at += found
        return found

    def expect(self, mark: str) -> None:
        if not self.mark(mark):
            self.next.refuse(f"{mark} is expected, not {self.next.shown}")

    @property
    def after(self) -> Token:
        """The one after the next."""
        return self._tokens[min(self._at + 1, len(self._tokens) - 1)]

    def op(self, name: Token, allowed: tuple[str, ...] = ()) -> Token:
        token = self.take()
        if token.kind != "op":
            token.refuse(f"{name.text} is compared, as with >= or ==; not {token.shown}")
        if allowed and token.text not in allowed:
            mend = _STRICT.get(token.text, "")
            if mend in allowed:
                token.refuse(f"the bound itself is included: write {name.text} {mend}")
            token.refuse(f"{name.text} is compared with {' or '.join(allowed)} only")
        return token

    def number(self, name: Token, units: dict[str, float], what: str) -> tuple[Token, float]:
        """A number, and what its unit makes of one."""
        token = self.take()
        if token.kind != "number":
            token.refuse(f"{name.text} is {what}, not {token.shown}")
        if token.unit not in units:
            token.refuse(f"{name.text} is {what}, not in {shown(token.unit)}")
        return token, units[token.unit]

    def arguments(self, argument: Callable[[], None]) -> None:
        """``( a, b )``; there may be none."""
        self.expect("(")
        while not self.mark(")"):
            argument()
            if self.next.text != ")":
                self.expect(",")


def number_of(token: Token) -> int | float:
    return float(token.text) if set(token.text) & set(".eE") else int(token.text)


def made(column: int, kind: Callable[..., Any], *given: Any, **named: Any) -> Any:
    """A record, with its own refusal at a column."""
    try:
        return kind(*given, **named)
    except ExpressionError:
        raise
    except ValueError as problem:
        raise ExpressionError(str(problem), column) from None
