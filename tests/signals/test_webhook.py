"""Signed predictions over real sockets: who may send what, how fast, and what is answered when."""

from __future__ import annotations

import base64
import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import attrs
import pytest

from engine.errors import ConfigError, LimitError, UserError
from engine.signals.schema import SIGNAL_BYTES_MAX
from engine.signals.signature import sign
from engine.signals.webhook import SignalWebhook
from engine.signals.webhook_stream import USUAL, Patience
from engine.sources import Sender, Webhook
from tests.campaign.peers import PATIENCE_S, Box
from tests.signals.conftest import until

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


# -- good ones -----------------------------------------------------------------------------------


def test_a_signed_prediction_is_taken(box: Box) -> None:
    with serving(box) as hook:
        answer = post(hook, prediction())

    (signal,) = box.signals
    assert (answer.status, answer.words) == (200, {"identity": signal.identity, "repeat": False})
    assert (signal.source, signal.ticker, signal.signal) == ("predictions", "SPY", "BUY")
    assert hook.counts()["predictions"] == {"200": 1, "repeats": 0}


def test_it_is_answered_when_it_is_durable_and_not_before(box: Box) -> None:
    box.held = True
    answers: list[Answer] = []
    with serving(box) as hook:
        thread = threading.Thread(target=lambda: answers.append(post(hook, prediction())))
        thread.start()
        until(lambda: box.answers)
        time.sleep(0.1)
        assert answers == []
        box.answers[0].set_result(None)
        thread.join(PATIENCE_S)

    assert [answer.status for answer in answers] == [200]


def test_both_keys_of_a_sender_are_good(box: Box) -> None:
    with serving(box) as hook:
        statuses = [post(hook, prediction(ticker=t), key=k).status for t, k in
                    (("SPY", KEY), ("IBM", OLD_KEY))]  # fmt: skip

    assert statuses == [200, 200]


def test_the_same_message_again_gets_the_same_answer_and_does_nothing(box: Box) -> None:
    body = prediction()
    with serving(box) as hook:
        first = post(hook, body, message_id="m1", ago_s=5)
        again = post(hook, body, message_id="m1")

    assert first == again
    assert len(box.got) == 1
    assert hook.counts()["predictions"]["repeats"] == 1


def test_the_same_prediction_in_another_message_is_a_repeat(box: Box) -> None:
    body = prediction()
    with serving(box) as hook:
        post(hook, body)
        again = post(hook, body)

    assert (again.status, again.words["repeat"]) == (200, True)
    assert len(box.got) == 1


def test_messages_that_come_together_wait_for_one_answer(box: Box) -> None:
    box.held = True
    body = prediction()
    answers: list[Answer] = []

    def send() -> None:
        answers.append(post(hook, body, message_id="m1"))

    with serving(box) as hook:
        threads = [threading.Thread(target=send) for _ in range(4)]
        for thread in threads:
            thread.start()
        until(lambda: box.answers)
        time.sleep(0.2)  # for the others
        box.answers[0].set_result(None)
        for thread in threads:
            thread.join(PATIENCE_S)

    assert [answer.status for answer in answers] == [200] * 4
    assert len(box.got) == 1
    assert hook.counts()["predictions"]["repeats"] == 3


# -- bad ones ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"key": OTHER_KEY},
        {"key": b"\0" * 32},
        {"ago_s": 301},
        {"ago_s": -330},  # it takes a moment to start
        {"webhook_signature": "v1,"},
        {"webhook_id": "another"},
        {"path": "/signals/other"},  # meant for one path, it is refused at another
    ],
)
def test_what_is_not_signed_by_its_sender_now_is_refused(box: Box, changes: dict[str, Any]) -> None:
    with serving(box) as hook:
        answer = post(hook, prediction(), **changes)

    assert (answer.status, answer.words["error"]) == (401, "unauthorised")
    assert box.reasons == ["unauthorised"]


def test_what_does_not_fit_the_schema_is_refused_on_record(box: Box) -> None:
    bad = {
        "unknown_signal": prediction(signal="MOON"),
        "unknown_ticker": prediction(ticker="QQQ"),
        "bad_confidence": prediction(confidence=None),
        "bad_time": prediction(timestamp=None),
        "too_old": prediction(timestamp=int(time.time() * 1000) - 301_000),
        "unknown_field": prediction(surprise=1),
        "malformed": b"\xff",
    }
    with serving(box) as hook:
        answers = {reason: post(hook, body) for reason, body in bad.items()}

    for reason, answer in answers.items():
        assert (answer.status, answer.words["error"]) == (422, reason)
    assert box.reasons == list(bad)


def test_an_older_prediction_after_a_newer_one_is_refused(box: Box) -> None:
    now_ms = int(time.time() * 1000)
    with serving(box) as hook:
        post(hook, prediction(signal="SELL", timestamp=now_ms))
        answer = post(hook, prediction(timestamp=now_ms - 1))

    assert (answer.status, answer.words["error"]) == (422, "out_of_order")


@pytest.mark.parametrize("size", [SIGNAL_BYTES_MAX + 1, 4 * SIGNAL_BYTES_MAX, 10_000_000])
def test_a_body_that_is_too_large_is_refused(box: Box, size: int) -> None:
    with serving(box) as hook:
        told = send_raw(hook, head(size), b"x" * min(size, 300_000))
        answer = post(hook, prediction())

    assert told.startswith(b"HTTP/1.1 413 ")
    assert answer.status == 200
    assert box.reasons == ["too_large"]


def test_a_body_that_grows_in_chunks_is_refused(box: Box) -> None:
    chunk = b"8000\r\n" + b"x" * 0x8000 + b"\r\n"
    request = head().replace(b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\n")
    with serving(box) as hook:
        told = send_raw(hook, request, chunk * 3 + b"0\r\n\r\n")

    assert told.startswith(b"HTTP/1.1 413 ")


def test_an_id_is_of_one_body(box: Box) -> None:
    with serving(box) as hook:
        post(hook, prediction(), message_id="m1")
        answer = post(hook, prediction(signal="SELL"), message_id="m1")

    assert answer.status == 409
    assert len(box.got) == 1


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/signals/predictions", 405),
        ("PUT", "/signals/predictions", 405),
        ("POST", "/signals/nobody", 404),
        ("POST", "/signals", 404),
        ("POST", "/", 404),
        ("POST", "/signals/predictions/x", 404),
    ],
)
def test_other_methods_and_paths(box: Box, method: str, path: str, status: int) -> None:
    with serving(box) as hook:
        assert post(hook, prediction(), method=method, path=path).status == status

    assert box.got == []


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "[::2]", "["])
def test_a_name_that_is_not_ours_is_refused(box: Box, host: str) -> None:
    with serving(box) as hook:
        assert post(hook, prediction(), Host=host).status == 421

    assert box.got == []


@pytest.mark.parametrize("named", ["signals.example.com", "Signals.Example.com:443"])
def test_our_own_names_are_good(box: Box, named: str) -> None:
    """However they are written in the settings."""
    names = ["localhost", "LOCALHOST:1", "[::1]:8788", "signals.example.com:443"]
    with serving(box, hosts=(named,)) as hook:
        assert [post(hook, prediction(), Host=name).status for name in names] == [200] * 4


# -- back-pressure -------------------------------------------------------------------------------


def test_more_than_agreed_is_told_when_to_come_again(box: Box) -> None:
    with serving(box, signals_per_s=0.1, burst=2) as hook:
        answers = [post(hook, prediction(), path="/signals/predictions") for _ in range(3)]
        other = post(hook, prediction(), key=OTHER_KEY, path="/signals/other")

    assert [answer.status for answer in answers] == [200, 200, 429]
    assert 1 <= int(answers[2].headers["retry-after"]) <= 10
    assert other.status == 200  # each sender has its own


def test_strangers_do_not_use_up_what_a_sender_may_send(box: Box) -> None:
    with serving(box, signals_per_s=0.1, burst=1) as hook:
        for _ in range(5):
            assert post(hook, prediction(), key=OTHER_KEY).status == 401
        assert post(hook, prediction()).status == 200


def test_a_full_inbox_is_told_and_the_message_may_come_again(box: Box) -> None:
    body = prediction()
    box.full = True
    with serving(box) as hook:
        answer = post(hook, body, message_id="m1")
        box.full = False
        again = post(hook, body, message_id="m1")

    assert (answer.status, answer.headers["retry-after"]) == (503, "1")
    assert "full" in answer.words["error"]
    assert (again.status, again.words["repeat"]) == (200, False)


def test_an_engine_that_stops_is_told_and_the_message_may_come_again(box: Box) -> None:
    box.held = True
    body = prediction()
    answers: list[Answer] = []

    def send() -> None:
        answers.append(post(hook, body, message_id="m1"))

    with serving(box) as hook:
        thread = threading.Thread(target=send)
        thread.start()
        until(lambda: box.answers)
        box.answers[0].set_exception(LimitError("the engine has stopped"))
        thread.join(PATIENCE_S)
        box.held = False
        send()

    assert [answer.status for answer in answers] == [503, 200]
    assert answers[1].words["repeat"] is False


def test_what_is_not_durable_in_time_is_told_and_the_same_is_waited_for_again(box: Box) -> None:
    box.held = True
    body = prediction()
    with serving(box, patience=Patience(durable_s=0.5)) as hook:
        answer = post(hook, body)
        box.answers[0].set_result(None)  # the future was not cancelled
        again = post(hook, body)

    assert answer.status == 503
    assert (again.status, again.words["repeat"]) == (200, True)
    assert len(box.got) == 1


def test_an_engine_that_is_not_ready_takes_nothing(box: Box) -> None:
    ready: list[bool] = []
    body = prediction()
    with serving(box, ready=lambda: bool(ready)) as hook:
        assert post(hook, body, message_id="m1").status == 503
        assert post(hook, body, key=OTHER_KEY).status == 401
        ready.append(True)
        assert post(hook, body, message_id="m1").status == 200


def test_more_connections_than_agreed_are_turned_away(box: Box) -> None:
    with serving(box, connections_max=2) as hook:
        idle = [socket.create_connection(("127.0.0.1", hook.port)) for _ in range(2)]
        until(lambda: post(hook, prediction()).status == 503)
        for one in idle:
            one.close()
        until(lambda: post(hook, prediction()).status == 200)


# -- peers that do not behave ----------------------------------------------------------------------


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


def test_a_slow_body_is_given_up(box: Box) -> None:
    with serving(box, patience=Patience(body_s=0.05)) as hook:
        assert send_raw(hook, head(100), b"{").startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize("start", [b"", b"POST /signals/predictions HTTP/1.1\r\nHost: 127."])
def test_slow_headers_are_given_up(box: Box, start: bytes) -> None:
    with serving(box, patience=Patience(header_s=0.05)) as hook:
        assert send_raw(hook, start) == b""
        assert post(hook, prediction()).status == 200


def test_a_second_request_may_not_be_slow_either(box: Box) -> None:
    get = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    with (
        serving(box, patience=Patience(header_s=0.5)) as hook,
        socket.create_connection(("127.0.0.1", hook.port), PATIENCE_S) as peer,
    ):
        for _ in range(2):  # both are answered
            peer.sendall(get)
            told = b""
            while not told.endswith(b"}"):
                told += peer.recv(65_536)
        peer.sendall(get[:10])
        assert peer.recv(65_536) == b""


@pytest.mark.parametrize(
    "junk",
    [
        b"\x00" * 100 + b"\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 5 + b"\r\n\r\n",
        b"POST /signals/predictions HTTP/1.1\r\n\r\n",
        b"POST /signals/predictions HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"POST / HTTP/1.1\r\nX: " + b"y" * 20_000 + b"\r\n\r\n",
        head(-1),
    ],
)
def test_junk_is_refused_and_the_next_is_served(box: Box, junk: bytes) -> None:
    with serving(box) as hook:
        assert send_raw(hook, junk)[:12] == b"HTTP/1.1 400"
        assert post(hook, prediction()).status == 200


def test_a_sender_that_has_said_all_still_gets_its_answer(box: Box) -> None:
    box.held = True
    with (
        serving(box) as hook,
        socket.create_connection(("127.0.0.1", hook.port), PATIENCE_S) as peer,
    ):
        body, now_s = prediction(), int(time.time())
        signed = {
            "webhook-id": "m1",
            "webhook-timestamp": str(now_s),
            "webhook-signature": sign(KEY, "m1", now_s, body),
        }
        lines = b"".join(f"{name}: {text}\r\n".encode() for name, text in signed.items())
        peer.sendall(head(len(body)).replace(b"\r\n\r\n", b"\r\n" + lines + b"\r\n") + body)
        peer.shutdown(socket.SHUT_WR)
        until(lambda: box.answers)
        time.sleep(0.05)
        box.answers[0].set_result(None)
        told = b""
        while got := peer.recv(65_536):
            told += got

    assert told.startswith(b"HTTP/1.1 200 ")


def test_a_sender_that_goes_away_leaves_nothing_behind(box: Box) -> None:
    body = prediction()
    with serving(box) as hook:
        for cut in (b"", b"{"):
            with socket.create_connection(("127.0.0.1", hook.port)) as peer:
                peer.sendall(head(100) + cut)
        until(lambda: hook.counts()["predictions"].get("400", 0) == 2)
        assert post(hook, body).status == 200


# -- its own life ----------------------------------------------------------------------------------


def test_it_listens_on_this_machine_only_and_says_when_it_cannot(box: Box) -> None:
    with serving(box) as hook:
        address = hook._listener.getsockname()  # type: ignore[union-attr]
        assert address[0] == "127.0.0.1"
        with pytest.raises(UserError, match=f"port {hook.port}: in use"):
            SignalWebhook(Webhook(port=hook.port), box, ["SPY"], environment=ENVIRONMENT).listen()


def test_two_senders_may_not_have_the_same_key(box: Box) -> None:
    environment = {**ENVIRONMENT, "ENGINE_WEBHOOK_KEY_OTHER": word(OTHER_KEY, OLD_KEY)}
    with pytest.raises(ConfigError, match="predictions and other have the same key"):
        SignalWebhook(Webhook(senders=SENDERS), box, ["SPY"], environment=environment)


def test_keys_are_not_shown(box: Box, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    with serving(box) as hook:
        answers = [post(hook, prediction()), post(hook, prediction(), key=OTHER_KEY)]
        shown = f"{hook!r} {vars(hook)} {hook.counts()} {answers}"

    for key in (KEY, OTHER_KEY):
        assert word(key) not in shown + caplog.text
        assert repr(key) not in shown + caplog.text
