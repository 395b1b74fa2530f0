"""Where predictions come from, besides files and host programs: the settings of the ways in.

Keys are never settings: what is recorded with a run, printed or compared must not hold them. A
setting names the file that holds a key, or the environment does.
"""

from __future__ import annotations

import ipaddress
import math
import re
from typing import Any, Final
from urllib.parse import urlsplit

import attrs
from attrs import field, validators

URL_VARIABLE: Final = "ENGINE_PREDICTIONS_URL"
KEY_VARIABLE: Final = "ENGINE_PREDICTIONS_KEY"
WEBHOOK_KEY_VARIABLE: Final = "ENGINE_WEBHOOK_KEY_"  # and the source, in capitals
SOURCE: Final = "predictions"
_NAME: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?(:[0-9]{1,5})?", re.ASCII)
_SOURCE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}", re.ASCII)


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def base_url(text: str, plain_ok: bool) -> str:
    """``text`` without a slash at its end.

    Raises:
        ValueError: what is wrong with it. The text itself is not quoted: somebody may have put a
            key into it.
    """
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError("is not a URL") from None
    if parts.scheme not in ("https", "http") or not host or port == 0:
        raise ValueError("must begin with https:// and a host")
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("must be printable ASCII without blanks")
    if parts.username is not None or parts.password is not None or "?" in text or "#" in text:
        raise ValueError("must not have a user, a query or a fragment; a key belongs in key_file")
    if parts.scheme == "http" and not plain_ok and not is_loopback(host):
        raise ValueError(
            "must be https: over http anybody on the way reads the key and writes the signals; "
            "plain_ok = true allows it"
        )
    return text.rstrip("/")


def host_names(_: object, __: object, value: tuple[str, ...]) -> None:
    """Names under which a server of ours is reached, with or without a port."""
    for one in value:
        if not _NAME.fullmatch(one):
            raise ValueError(f"hosts: {one!r} is not a name like trade.example or one with a port")


def _positive(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if not 0 < value < math.inf:  # NaN is not, either
        raise ValueError(f"{attribute.name} must be above 0 and finite, not {value}")


def _source(_: Any, attribute: attrs.Attribute[Any], value: str) -> None:
    # Identities are source:ticker:time:signal, so it must not contain the colon.
    if not _SOURCE.fullmatch(value):
        raise ValueError(
            f"{attribute.name} {value!r} must be 1 to 32 letters, digits, '.', '_' or '-'"
        )


@attrs.frozen(kw_only=True)
class Polling:
    """``GET {url}/prediction/latest?ticker=T`` for each ticker by itself."""

    url: str = ""  # empty: the environment's URL_VARIABLE
    key_file: str = ""  # empty: the environment's KEY_VARIABLE, or no key
    source: str = field(default=SOURCE, validator=_source)
    tickers: tuple[str, ...] = ()  # empty: the symbols of the strategy
    interval_s: float = field(default=5.0, validator=_positive)
    timeout_s: float = field(default=10.0, validator=_positive)  # of a whole poll
    retry_first_s: float = field(default=1.0, validator=_positive)
    retry_max_s: float = field(default=60.0, validator=_positive)
    plain_ok: bool = False  # http to another machine

    def __attrs_post_init__(self) -> None:
        if self.url:
            try:
                base_url(self.url, self.plain_ok)
            except ValueError as problem:
                raise ValueError(f"url {problem}") from None
        if self.retry_first_s > self.retry_max_s:
            raise ValueError("retry_first_s must not be above retry_max_s")
        if len(set(self.tickers)) != len(self.tickers):
            raise ValueError("tickers must not repeat")


@attrs.frozen(kw_only=True)
class Sender:
    """One who may POST, and where its keys are; two at a time, so that they can be changed."""

    source: str = field(default=SOURCE, validator=_source)
    key_files: tuple[str, ...] = field(default=(), validator=validators.max_len(2))

    @property
    def key_variable(self) -> str:
        return WEBHOOK_KEY_VARIABLE + re.sub(r"[^A-Z0-9]", "_", self.source.upper())


@attrs.frozen(kw_only=True)
class Webhook:
    """``POST /signals/{source}``, signed as Standard Webhooks say."""

    host: str = "127.0.0.1"
    port: int = field(
        default=8788, validator=validators.and_(validators.ge(0), validators.le(65535))
    )  # 0: a free one
    remote_ok: bool = False  # what comes is signed, but not secret: other hosts need this
    # Names of this server, besides those of loopback.
    hosts: tuple[str, ...] = field(default=(), validator=host_names)
    senders: tuple[Sender, ...] = (Sender(),)
    signals_per_s: float = field(default=20.0, validator=_positive)  # of each sender, sustained
    burst: int = field(default=100, validator=_positive)  # of each sender, at once
    connections_max: int = field(default=256, validator=_positive)

    def __attrs_post_init__(self) -> None:
        if not self.remote_ok and not is_loopback(self.host):
            raise ValueError(
                f"host {self.host!r} is not this machine: put a proxy with TLS before 127.0.0.1, "
                "or set remote_ok = true"
            )
        names = [sender.source for sender in self.senders]
        if not names:
            raise ValueError("senders must name at least one")
        if len({sender.key_variable for sender in self.senders}) != len(names):
            raise ValueError("senders must have different sources")


@attrs.frozen(kw_only=True)
class Tail:
    """A file that scripts append to, one JSON object a line."""

    path: str = field(validator=validators.min_len(1))
    source: str = field(default=SOURCE, validator=_source)


@attrs.frozen(kw_only=True)
class SignalSources:
    """``max_age_s`` is for every way in: real seconds since the model time, times the broker's
    clock rate."""

    max_age_s: float = field(default=300.0, validator=_positive)
    poll: Polling | None = None
    webhook: Webhook | None = None
    tail: Tail | None = None
