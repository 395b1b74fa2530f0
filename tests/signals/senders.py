"""A webhook that is served, and what is sent to it: signed predictions, and bytes."""

from __future__ import annotations

import base64
import http.client
import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import attrs

from engine.signals.signature import sign
from engine.signals.webhook import SignalWebhook
from engine.signals.webhook_stream import USUAL, Patience
from engine.sources import Sender, Webhook
from tests.campaign.peers import PATIENCE_S, Box

KEY, OLD_KEY, OTHER_KEY = (bytes([n]) * 32 for n in (1, 2, 3))
SENDERS = (Sender(), Sender(source="other"))


def word(*keys: bytes) -> str:
    return " ".join("whsec_" + base64.b64encode(key).decode() for key in keys)


ENVIRONMENT = {
    "ENGINE_WEBHOOK_KEY_PREDICTIONS": word(KEY, OLD_KEY),
    "ENGINE_WEBHOOK_KEY_OTHER": word(OTHER_KEY),
}


@contextmanager
def serving(
    box: Box, ready: Any = lambda: True, patience: Patience = USUAL, **changes: Any
) -> Iterator[SignalWebhook]:
    options = {"port": 0, "senders": SENDERS, "signals_per_s": 1000.0, "burst": 1000, **changes}
    hook = SignalWebhook(
        Webhook(**options),
        box,
        ["SPY", "IBM"],
        environment=ENVIRONMENT,
        ready=ready,
        patience=patience,
    )
    hook.listen()
    with hook:
        yield hook


@attrs.frozen
class Answer:
    status: int
    words: dict[str, Any]
    headers: dict[str, str]


def prediction(**changes: Any) -> bytes:
    made = {"ticker": "SPY", "signal": "BUY", "confidence": 0.9}
    return json.dumps({**made, "timestamp": int(time.time() * 1000), **changes}).encode()


_COUNT = iter(range(1_000_000))


def post(
    hook: SignalWebhook,
    body: bytes,
    key: bytes = KEY,
    message_id: str = "",
    ago_s: int = 0,
    path: str = "/signals/predictions",
    method: str = "POST",
    **headers: str,
) -> Answer:
    message_id = message_id or f"msg_{next(_COUNT)}"
    sent_s = int(time.time()) - ago_s
    signed = {
        "webhook-id": message_id,
        "webhook-timestamp": str(sent_s),
        "webhook-signature": sign(key, message_id, sent_s, body),
        **{name.replace("_", "-"): text for name, text in headers.items()},
    }
    connection = http.client.HTTPConnection("127.0.0.1", hook.port, timeout=PATIENCE_S)
    try:
        connection.request(method, path, body, signed)
        response = connection.getresponse()
        text = response.read()
        words = json.loads(text) if response.getheader("content-type") == JSON else {}
        told = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, words, told)
    finally:
        connection.close()


JSON = "application/json"


def head(length: int | None = None) -> bytes:
    lines = ["POST /signals/predictions HTTP/1.1", "Host: 127.0.0.1"]
    lines += [f"Content-Length: {length}"] if length is not None else []
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def send_raw(hook: SignalWebhook, *parts: bytes) -> bytes:
    """Everything that comes back for these bytes, until the other side closes."""
    with socket.create_connection(("127.0.0.1", hook.port), PATIENCE_S) as peer:
        told = b""
        try:
            for part in parts:
                peer.sendall(part)
            while got := peer.recv(65_536):
                told += got
                if b"\r\n\r\n" in told and b"onnection: close" not in told:
                    break
        except OSError:
            pass
        return told
