"""Numbers of accounts and keys, taken out of whatever is shown or written.

An account goes by its name, where that is known, and by the form that IB gives such names. A key
goes wherever it stands: every ``Secret`` is known here for as long as it lives, so that nobody has
to remember to say which keys there are.
"""

from __future__ import annotations

import base64
import json
import re
import threading
import weakref
from collections.abc import Iterable
from typing import Any, Final

MASK: Final = "…"
SHORT_CHARS: Final = 6  # what is shorter hides nothing, and would be found in every word
_ACCOUNT: Final = re.compile(r"(?<![A-Za-z0-9])(D?[UFI])\d{5,}(?![A-Za-z0-9])")
_SECRETS: Final[list[weakref.ref[Secret]]] = []
_CHANGING: Final = threading.Lock()  # of the list; who reads it copies it in one moment


class Secret:
    """Bytes that do not show themselves. ``reveal`` where they are used, and nowhere else."""

    __slots__ = ("__weakref__", "_bytes", "forms")

    def __init__(self, key: bytes) -> None:
        self._bytes = key
        self.forms: Final = _forms(key)
        with _CHANGING:
            _SECRETS[:] = [known for known in _SECRETS if known() is not None]
            _SECRETS.append(weakref.ref(self))

    def reveal(self) -> bytes:
        return self._bytes

    def __repr__(self) -> str:
        return f"Secret({MASK})"

    def __reduce__(self) -> str:
        raise TypeError("a key is not written anywhere")


def _forms(key: bytes) -> tuple[str, ...]:
    """How it may stand in a text: as it is, in JSON, in base64."""
    if len(key) < SHORT_CHARS:
        return ()
    text = key.decode("utf-8", "replace")
    told = {text, json.dumps(text, ensure_ascii=False)[1:-1], base64.b64encode(key).decode()}
    return tuple(sorted(told, key=len, reverse=True))


class Redaction:
    """Masks accounts and keys. ``accounts`` are those whose names are known; more may be learnt."""

    def __init__(self, accounts: Iterable[str] = ()) -> None:
        self._accounts: dict[str, re.Pattern[str]] = {}
        for one in accounts:
            self.learn(one)

    def learn(self, account: str) -> None:
        """From here on this name is masked, whatever its form."""
        if account and account not in self._accounts:
            self._accounts[account] = re.compile(
                rf"(?<![A-Za-z0-9]){re.escape(account)}(?![A-Za-z0-9])"
            )

    def text(self, text: str) -> str:
        for known in tuple(_SECRETS):
            secret = known()
            for form in secret.forms if secret is not None else ():
                text = text.replace(form, MASK)
        text = _ACCOUNT.sub(rf"\1{MASK}", text)
        for account, pattern in list(self._accounts.items()):
            text = pattern.sub(account[:2] + MASK, text)
        return text

    def hides(self, text: str) -> bool:
        """Whether anything in it is masked."""
        return self.text(text) != text

    def value(self, value: Any) -> Any:
        """The same, with every text in it masked; names of fields stay."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {name: self.value(one) for name, one in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(one) for one in value]
        return value
