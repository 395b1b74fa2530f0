"""Signed predictions over real sockets: who may send what, how fast, and what is answered when."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from engine.errors import ConfigError, UserError
from engine.signals.schema import SIGNAL_BYTES_MAX
from engine.signals.webhook import SignalWebhook
from engine.sources import Webhook
from tests.campaign.peers import PATIENCE_S, Box
from tests.signals.conftest import until
from tests.signals.senders import (
    ENVIRONMENT,
    KEY,
    OLD_KEY,
    OTHER_KEY,
    SENDERS,
    Answer,
    head,
    post,
    prediction,
    send_raw,
    serving,
    word,
)

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
