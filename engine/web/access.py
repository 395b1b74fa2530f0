"""Who may ask the dashboard, and what every answer of it says to a browser.

The key travels in the fragment of the link, which no browser sends anywhere; the page keeps it for
its tab and shows it with each request. There is no cookie: another page, or another server of this
machine, cannot make a browser show it. The name in ``Host`` must be one of ours, or a stranger's
page whose name leads here could talk to us as if it were ours; ``Origin`` and ``Sec-Fetch-Site``
must say that the page is ours, too.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Collection, Mapping
from typing import Final

from engine.errors import ConfigError
from engine.redaction import Secret
from engine.signals.http_server import LOOPBACK_NAMES, name_of
from engine.signals.keys import read_key_file

KEY_BYTES: Final = 32
KEY_CHARS_MIN: Final = 32
_KEY: Final = re.compile(r"[A-Za-z0-9_-]{32,256}", re.ASCII)
BEARER: Final = "Bearer "

POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
    "Cache-Control": "no-store",
}


class Access:
    """What is asked of every request. ``hosts`` are our names besides those of loopback, with
    their port if it is not the usual one."""

    def __init__(self, key: Secret, hosts: Collection[str]) -> None:
        self._key = key.reveal()
        self._hosts = frozenset(one.lower() for one in hosts)
        self.refused = 0

    def stranger(self, headers: Mapping[str, str]) -> tuple[int, str] | None:
        """Status and words for who comes under another name or from another page."""
        host = headers.get("host", "").lower()
        if host not in self._hosts and name_of(host) not in LOOPBACK_NAMES:
            return 421, "not a name of this server"
        origin = headers.get("origin")
        if origin is not None and origin.lower() not in (f"http://{host}", f"https://{host}"):
            return 403, "not from a page of this server"
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            return 403, "not from a page of this server"
        return None

    def knows(self, headers: Mapping[str, str]) -> bool:
        """Whether the key is shown; takes as long for a wrong one as for the right one."""
        told = headers.get("authorization", "")
        shown = told[len(BEARER) :] if told.startswith(BEARER) else ""
        known = hmac.compare_digest(shown.encode(), self._key)
        self.refused += not known
        return known


def key_for(key_file: str) -> Secret:
    """The key of the file, or a new one if none is named.

    Raises:
        ConfigError: the file cannot be used, or holds no key of use.
    """
    if not key_file:
        return Secret(secrets.token_urlsafe(KEY_BYTES).encode())
    text = read_key_file(key_file)
    if not _KEY.fullmatch(text):
        raise ConfigError(
            f"web.key_file {key_file}: one line of {KEY_CHARS_MIN} letters, digits, - and _ or "
            "more; python3 -c 'import secrets; print(secrets.token_urlsafe(32))' makes one"
        )
    return Secret(text.encode())
