"""Polling over real sockets: the demonstration API, or a peer that answers anything."""

from __future__ import annotations

import json
import logging
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from engine.errors import ConfigError
from engine.redaction import Secret
from engine.signals import monitor as monitoring
from engine.signals.demo_api import DemoApi, Fault
from engine.signals.monitor import OptionsFlowMonitor
from engine.sources import Polling
from tests.campaign.peers import Box, Peer
from tests.signals.conftest import until

KEY = "k3y-that-nobody-may-see"
EASY: dict[str, Any] = {"interval_s": 0.02, "retry_first_s": 0.01, "retry_max_s": 0.05}


def hour_long(*tickers: str, **options: Any) -> DemoApi:
    """Its predictions do not change during a test, except where the hour does."""
    limits = {"limit": 1_000_000, **options}
    return DemoApi(tickers, period_s=3600.0, now_ns=lambda: 1_800_000_000 * 10**9, **limits)


@contextmanager
def polling(url: str, box: Box, *tickers: str, **more: Any) -> Iterator[OptionsFlowMonitor]:
    options = {name: more.pop(name) for name in ("ready", "freshness") if name in more}
    options.setdefault("freshness", monitoring.Freshness(now_ns=lambda: 1_800_000_000 * 10**9))
    settings = Polling(url=url, tickers=tickers, **{**EASY, **more})
    with OptionsFlowMonitor(
        settings, box, chance=random.Random(1), environment={}, **options
    ) as made:
        yield made


def envelope(**changes: Any) -> bytes:
    prediction = {
        "ticker": "SPY",
        "signal": "BUY",
        "confidence": 0.8,
        "timestamp": 1_800_000_000_000,
        **changes,
    }
    return json.dumps({"status": "success", "data": {"prediction": prediction}}).encode()


def http(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


# -- what is handed in ---------------------------------------------------------------------------


def test_each_prediction_is_handed_in_once_however_often_it_is_polled(box: Box) -> None:
    with hour_long("SPY", "IBM") as api, polling(api.url, box, "SPY", "IBM") as monitor:
        until(lambda: min(api.requests["SPY"], api.requests["IBM"]) >= 5)
        counts = monitor.counts()
        expected = [api.prediction(ticker, 1_800_000_000 * 10**9) for ticker in ("SPY", "IBM")]

    assert {signal.ticker for signal in box.signals} == {"SPY", "IBM"}
    assert len(box.got) == 2
    assert {(s.ticker, s.signal, s.confidence) for s in box.signals} == {
        (one["ticker"], one["signal"], one["confidence"]) for one in expected
    }
    assert all(signal.identity.startswith("predictions:") for signal in box.signals)
    for one in counts.values():
        assert one.predictions == 1
        assert one.repeats >= 3
        assert (one.refusals, one.errors) == (0, 0)
        assert one.last_latency_s > 0


def test_an_unchanged_prediction_is_not_sent_again(box: Box, peer: Peer) -> None:
    """The ETag of what was taken goes out, and 304 is an answer."""
    peer.answer = http(envelope(), "200 OK", 'ETag: "seven"')
    with polling(peer.url, box, "SPY") as monitor:
        until(lambda: len(peer.requests) >= 2)
        peer.answer = http(b"", "304 Not Modified")
        until(lambda: monitor.counts()["SPY"].repeats >= 3)
        peer.answer = http(envelope(timestamp=1_800_000_001_000), "200 OK", 'ETag: "eight"')
        until(lambda: len(box.signals) == 2)
        until(lambda: b'"eight"' in peer.requests[-1])

    assert b"if-none-match" not in peer.requests[0].lower()
    assert b'"seven"' in peer.requests[1]
    assert monitor.counts()["SPY"].errors == 0


def test_a_new_prediction_of_the_same_ticker_is_handed_in(box: Box) -> None:
    with (
        DemoApi(["SPY"], period_s=0.05) as api,
        polling(api.url, box, "SPY", freshness=monitoring.Freshness()),
    ):
        until(lambda: len(box.signals) >= 3)

    assert len({signal.identity for signal in box.signals}) == len(box.signals)


def test_the_request_says_what_is_wanted(box: Box, peer: Peer, key_file: Any) -> None:
    peer.answer = http(envelope(ticker="BRK B"))
    with polling(peer.url + "/v2/", box, "BRK B", key_file=key_file(KEY)):
        until(lambda: box.signals)
    request = peer.requests[0].decode().lower()

    assert request.startswith("get /v2/prediction/latest?ticker=brk")
    assert f"x-api-key: {KEY}" in request
    assert "accept-encoding: identity" in request


def test_nothing_is_asked_before_the_engine_is_ready(box: Box) -> None:
    ready: list[bool] = []
    with (
        hour_long("SPY") as api,
        polling(api.url, box, "SPY", ready=lambda: bool(ready)) as monitor,
    ):
        time.sleep(0.3)
        assert monitor.counts()["SPY"].polls == 0
        ready.append(True)
        until(lambda: box.signals)


def test_a_full_inbox_is_tried_again_and_loses_nothing(box: Box) -> None:
    box.full = True
    with hour_long("SPY") as api, polling(api.url, box, "SPY") as monitor:
        until(lambda: monitor.counts()["SPY"].errors >= 3)
        assert "inbox is full" in monitor.counts()["SPY"].last_error
        box.full = False
        until(lambda: box.signals)


# -- one ticker's trouble is its own ---------------------------------------------------------------


def test_failure_33_one_slow_ticker_delays_the_polling_of_all(box: Box) -> None:
    faults = [Fault.parse("SLOW=slow")]
    with (
        hour_long("SLOW", "IBM", "SPY", faults=faults) as api,
        polling(api.url, box, "SLOW", "IBM", "SPY", timeout_s=3.0) as monitor,
    ):
        until(lambda: min(api.requests["IBM"], api.requests["SPY"]) >= 20)
        counts = monitor.counts()

    assert counts["SLOW"].polls == 1  # it still waits for its first answer
    assert {signal.ticker for signal in box.signals} == {"IBM", "SPY"}


def test_an_answer_that_does_not_come_is_given_up(box: Box) -> None:
    with (
        hour_long("SPY", faults=[Fault.parse("SPY=slow")]) as api,
        polling(api.url, box, "SPY", timeout_s=0.05) as monitor,
    ):
        until(lambda: monitor.counts()["SPY"].errors >= 2)

    assert monitor.counts()["SPY"].last_error == "no answer in 0.05 s"


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("500", "HTTP 500, FAULT"),
        ("404", "HTTP 404, FAULT"),
        ("redirect", "redirects are not followed"),
        ("error", "the API says MODEL_UNAVAILABLE: the model is being trained"),
        ("compressed", "compressed"),
    ],
)
def test_it_recovers_from_errors_and_says_what_they_were(box: Box, kind: str, words: str) -> None:
    with (
        hour_long("SPY", faults=[Fault.parse(f"SPY={kind}:3")]) as api,
        polling(api.url, box, "SPY") as monitor,
    ):
        until(lambda: box.signals)
        counts = monitor.counts()["SPY"]

    assert counts.errors == 3
    assert words in counts.last_error
    assert len(box.got) == 1


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("malformed", "malformed"),
        ("huge", "too_large"),
        ("other", "wrong_ticker"),
        ("null", "malformed"),
    ],
)
def test_an_answer_without_a_good_prediction_is_recorded_once(
    box: Box, kind: str, reason: str
) -> None:
    with (
        hour_long("SPY", "IBM", faults=[Fault.parse(f"SPY={kind}:4")]) as api,
        polling(api.url, box, "SPY") as monitor,
    ):
        until(lambda: box.signals)
        counts = monitor.counts()["SPY"]

    assert [(one.source, one.ticker, one.reason) for one in box.refusals] == [
        ("predictions", "SPY", reason)
    ]
    assert (counts.refusals, counts.errors) == (4, 0)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"confidence": None}, "bad_confidence"),
        ({"confidence": 1.5}, "bad_confidence"),
        ({"signal": "HOLD"}, "unknown_signal"),
        ({"timestamp": None}, "bad_time"),
        ({"timestamp": 1_799_999_600_000}, "too_old"),
        ({"surprise": 1}, "unknown_field"),
    ],
)
def test_a_bad_prediction_is_refused_with_its_reason(
    box: Box, peer: Peer, changes: dict[str, Any], reason: str
) -> None:
    peer.answer = http(envelope(**changes), "200 OK", 'ETag: "bad"')
    with polling(peer.url, box, "SPY") as monitor:
        until(lambda: monitor.counts()["SPY"].refusals >= 3)

    assert box.reasons == [reason]
    assert not any(b"if-none-match" in one.lower() for one in peer.requests)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\x00" * 100,
        b"HTTP/1.1 200 OK\r\nContent-Length: 4096\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 200_000 + b"\r\n\r\n",
        b"HTTP/1.1 304 Not Modified\r\n\r\n",
        b"HTTP/1.1 999 \xff\r\n\r\n",
    ],
)
def test_a_peer_that_makes_no_sense_is_an_error_and_no_more(
    box: Box, peer: Peer, answer: bytes
) -> None:
    peer.answer = answer
    with polling(peer.url, box, "SPY") as monitor:
        until(lambda: monitor.counts()["SPY"].errors >= 2)
        peer.answer = http(envelope())
        until(lambda: box.signals)

    assert box.refusals == []


# -- the key and the quota -------------------------------------------------------------------------


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.DEBUG)  # of every library, too
    return caplog


def errors(log: pytest.LogCaptureFixture) -> list[str]:
    return [one.getMessage() for one in log.records if one.name == "engine.signals.monitor"]


def test_a_refused_key_is_said_once_with_the_mend_and_waits(
    box: Box, log: pytest.LogCaptureFixture, key_file: Any
) -> None:
    path = key_file("wrong" + KEY)
    with (
        hour_long("SPY", "IBM", key=Secret(KEY.encode())) as api,
        polling(api.url, box, "SPY", "IBM", key_file=path) as monitor,
    ):
        until(lambda: all(one.errors for one in monitor.counts().values()))
        time.sleep(0.2)
        counts = monitor.counts()

    assert [one.polls for one in counts.values()] == [1, 1]
    (said,) = errors(log)
    assert f"put the right one into {path}" in said
    assert box.got == []


def test_a_key_that_was_mended_is_read_again(
    box: Box, monkeypatch: pytest.MonkeyPatch, key_file: Any
) -> None:
    monkeypatch.setattr(monitoring, "KEY_REFUSED_PAUSE_S", 0.02)
    path = key_file("wrong")
    with (
        hour_long("SPY", key=Secret(KEY.encode())) as api,
        polling(api.url, box, "SPY", key_file=path) as monitor,
    ):
        until(lambda: monitor.counts()["SPY"].errors >= 2)
        Path(path).write_text(KEY)
        until(lambda: box.signals)


def test_a_missing_key_is_said_with_the_mend(box: Box, log: pytest.LogCaptureFixture) -> None:
    with (
        hour_long("SPY", key=Secret(KEY.encode())) as api,
        polling(api.url, box, "SPY") as monitor,
    ):
        until(lambda: monitor.counts()["SPY"].errors)

    assert "the API wants a key; put it into ENGINE_PREDICTIONS_KEY" in errors(log)[0]


def test_the_key_is_never_shown(
    box: Box, peer: Peer, log: pytest.LogCaptureFixture, key_file: Any
) -> None:
    path = key_file(KEY)
    answers = [b"", http(b"{}"), http(b"", "401 No"), http(envelope()), b"HTTP/1.1 200 OK\r\n"]
    shown = []
    for answer in answers:
        peer.answer = answer
        with polling(peer.url, box, "SPY", key_file=path) as monitor:
            until(lambda monitor=monitor: monitor.counts()["SPY"].last_latency_s)
            shown += [repr(monitor), repr(monitor.counts()), str(vars(monitor))]

    assert KEY.encode() in peer.requests[0]
    assert KEY not in log.text
    assert KEY not in "".join(shown)
    assert KEY not in repr(box.got)


def test_being_told_to_wait_holds_for_all(box: Box, peer: Peer) -> None:
    peer.answer = http(b"", "429 Too Many Requests", "Retry-After: 3600")
    with polling(peer.url, box, "SPY", "IBM", interval_s=0.1) as monitor:
        until(lambda: peer.requests)
        time.sleep(0.4)
        counts = monitor.counts()

    assert sum(one.polls for one in counts.values()) <= 2  # the other had its turn already
    assert sum(one.limited for one in counts.values()) >= 1
    assert monitor.counts()["SPY"].last_error.startswith("HTTP 429: asked too often")


def test_the_end_of_a_quota_is_waited_for(box: Box, peer: Peer) -> None:
    headers = ("X-RateLimit-Remaining: 0", "X-RateLimit-Reset: 3600")
    peer.answer = http(envelope(), "200 OK", *headers)
    with polling(peer.url, box, "SPY") as monitor:
        until(lambda: box.signals)
        time.sleep(0.3)

    assert monitor.counts()["SPY"].polls == 1


def test_a_small_quota_is_spread_and_not_overrun(box: Box) -> None:
    """Three requests a minute: two of them for the predictions of now, one for later."""
    with (
        hour_long("SPY", "IBM", limit=3) as api,
        polling(api.url, box, "SPY", "IBM") as monitor,
    ):
        until(lambda: len(box.signals) == 2)
        time.sleep(0.3)

    assert api.requests.total() <= 3
    assert sum(one.errors for one in monitor.counts().values()) == 0


def test_a_person_is_told_after_some_failures_and_not_again(
    box: Box, log: pytest.LogCaptureFixture
) -> None:
    with (
        hour_long("SPY", "IBM", faults=[Fault.parse("*=500:30")]) as api,
        polling(api.url, box, "SPY", "IBM") as monitor,
    ):
        until(lambda: len(box.signals) == 2)
    said = errors(log)

    assert len([text for text in said if "HTTP 500" in text]) == 1
    assert any(text.endswith("works again") for text in said)
    assert sum(one.errors for one in monitor.counts().values()) == 30


# -- its own life ----------------------------------------------------------------------------------


def test_it_ends_at_once_while_an_answer_is_awaited(box: Box) -> None:
    with hour_long("SPY", faults=[Fault.parse("SPY=slow")]) as api:
        with polling(api.url, box, "SPY") as monitor:
            until(lambda: api.requests["SPY"])
        assert monitor._thread is not None
        assert not monitor._thread.is_alive()


def test_nothing_listening_is_told_and_tried_again(box: Box, peer: Peer) -> None:
    url = peer.url
    peer.stop()
    with polling(url, box, "SPY") as monitor:
        until(lambda: monitor.counts()["SPY"].errors >= 3)

    assert "ConnectError" in monitor.counts()["SPY"].last_error


def test_it_needs_tickers_and_an_address(box: Box) -> None:
    with pytest.raises(ConfigError, match="tickers: name at least one"):
        OptionsFlowMonitor(Polling(url="https://a.example"), box)
    with pytest.raises(ConfigError, match="ENGINE_PREDICTIONS_URL is not set"):
        OptionsFlowMonitor(Polling(tickers=("SPY",)), box, environment={})


def test_a_sink_may_be_any_function() -> None:
    got: list[Any] = []
    keep: Callable[[Any], None] = got.append
    settings = Polling(url="http://127.0.0.1:1", tickers=("SPY",), **EASY)
    monitor = OptionsFlowMonitor(settings, keep, environment={})
    with DemoApi(["SPY"]) as api:
        settings = Polling(url=api.url, tickers=("SPY",), **EASY)
        monitor = OptionsFlowMonitor(settings, keep, environment={})
        with monitor:
            until(lambda: got)
