"""Whatever senders and prediction APIs write: nothing raises, everything is taken or refused.

    python -m tests.campaign.signal_fuzz --examples 20000 --seed 1
    python -m tests.campaign.signal_fuzz --seconds 600 --of webhook

The real monitor asks a peer that answers anything; the real webhook gets anything posted, signed
and not, whole and in pieces. Over loopback sockets, with counts that must add up.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import logging
import random
import socket
import sys
import time
from collections import Counter
from typing import Any, Final

import attrs
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from engine.codec import from_json, to_json
from engine.inputs import Input, MarketView, Signal, SignalArrived
from engine.signals.intake import SEEN_MAX
from engine.signals.monitor import DEFECT, OptionsFlowMonitor
from engine.signals.quota import PAUSE_MAX_S
from engine.signals.schema import RefusalReason
from engine.signals.signature import sign
from engine.signals.webhook import SignalWebhook
from engine.sources import Polling, Webhook
from tests.campaign.peers import PATIENCE_S, Box, Peer

KEY: Final = bytes(range(32))
SOURCE: Final = "predictions"
SYMBOLS: Final = ("SPY", "IBM")

# -- what may come -------------------------------------------------------------------------------

VALUES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(codec=None), max_size=12)  # lone surrogates, too
    | st.just([[]])
    | st.just({})
)
TIMES = st.integers(-400_000, 400_000).map(lambda ago: int(time.time() * 1000) - ago)
PREDICTION = st.fixed_dictionaries(
    {
        "ticker": st.sampled_from(SYMBOLS) | VALUES,
        "signal": st.sampled_from(["BUY", "SELL", "SHORT", "NEUTRAL"]) | VALUES,
        "confidence": st.floats(0, 1) | VALUES,
    },
    optional={
        "timestamp": TIMES | VALUES,
        "stock_price": st.floats(1, 1000) | VALUES,
        "datetime_of_data": st.datetimes().map(str) | VALUES,
        "prediction_time": VALUES,
        "feature_values": VALUES | st.lists(VALUES, max_size=4),
        "id": VALUES,
        "other": VALUES,
    },
)
GOOD = st.fixed_dictionaries(
    {
        "ticker": st.just("SPY"),
        "signal": st.sampled_from(["BUY", "SELL"]),
        "confidence": st.floats(0, 1),
        "timestamp": st.integers(-3, 3).map(lambda off: int(time.time() * 1000) + off),
    }
)
PREDICTION_BODIES = PREDICTION.map(lambda made: json.dumps(made).encode())
PREDICTIONS: st.SearchStrategy[Any] = (
    PREDICTION | PREDICTION_BODIES | VALUES | st.binary(max_size=40)
)
BODIES = (
    GOOD.map(lambda made: json.dumps(made).encode())
    | PREDICTION_BODIES
    | VALUES.map(lambda value: json.dumps(value).encode())
    | st.binary(max_size=60)
    | st.integers(1, 80_000).map(lambda size: b"[" * size)
    | st.integers(1, 80_000).map(lambda size: b'"' + b"x" * size + b'"')
    | st.integers(1, 9_000).map(lambda digits: b'{"confidence": ' + b"9" * digits + b"}")
)
ENVELOPES = st.fixed_dictionaries(
    {"status": st.sampled_from(["success", "success", "error"]) | VALUES},
    optional={
        "data": st.fixed_dictionaries({"prediction": GOOD | PREDICTION | VALUES}) | VALUES,
        "error": VALUES,
        "code": VALUES,
        "message": VALUES,
    },
)


def _success(prediction: dict[str, Any]) -> bytes:
    return json.dumps({"status": "success", "data": {"prediction": prediction}}).encode()


HEADER_TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20) | (
    st.integers(0, 10**13).map(str)
)
HEADERS = st.dictionaries(
    st.sampled_from(
        ["ETag", "Retry-After", "X-RateLimit-Remaining", "X-RateLimit-Reset", "Location"]
    ),
    HEADER_TEXT,
    max_size=3,
)
STATUSES = st.sampled_from([*[200] * 12, 304, 401, 403, 404, 429, 500, 503, 100, 204, 999])


@attrs.frozen
class Answer:
    """What a prediction API says, in order or not."""

    status: int
    headers: dict[str, str]
    body: bytes

    def bytes(self) -> bytes:
        lines = [f"HTTP/1.1 {self.status} x", f"Content-Length: {len(self.body)}"]
        lines += [f"{name}: {text}" for name, text in self.headers.items()]
        return "\r\n".join([*lines, "Connection: close", "", ""]).encode() + self.body


ANSWERS = st.builds(
    Answer,
    STATUSES,
    HEADERS,
    (GOOD | PREDICTION).map(_success)
    | ENVELOPES.map(lambda made: json.dumps(made).encode())
    | BODIES
    | st.integers(1, 300_000).map(lambda size: b" " * size),
).map(Answer.bytes) | st.binary(max_size=200).map(lambda data: b"HTTP/1.1 200 OK\r\n" + data)
CUT = st.sampled_from([None] * 8 + [0, 1, 20, 60, 100, 300])


@attrs.define
class Tally:
    """What the examples came to, and what should not have come."""

    examples: int = 0
    came: Counter[str] = attrs.field(factory=Counter)
    faults: list[str] = attrs.field(factory=list)

    def check(self, holds: bool, text: str) -> None:
        if not holds:
            self.faults.append(text)
        assert holds, text


def _settled(count: int, number: int) -> Any:
    """Hypothesis without its own database and deadlines: sockets take as long as they take."""

    def decorate(test: Any) -> Any:
        limits = settings(
            max_examples=count,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        return seed(number)(limits(test))

    return decorate


# -- polling -------------------------------------------------------------------------------------


def fuzz_polling(examples: int, number: int) -> Tally:
    """Poll a peer that answers anything, so many times. Raises AssertionError at a fault."""
    tally, box, peer = Tally(), Box(), Peer()
    monitor = OptionsFlowMonitor(
        Polling(url=peer.url, tickers=("SPY",), timeout_s=PATIENCE_S),
        box,
        chance=random.Random(number),
        environment={},
    )
    (one,) = monitor._tickers
    with asyncio.Runner() as runner:
        client = monitor._client()

        @_settled(examples, number)
        @given(ANSWERS, CUT)
        def example(answer: bytes, cut: int | None) -> None:
            peer.answer = answer[:cut]
            one.backoff.worked()
            pause_s = runner.run(monitor._once(one, client))
            tally.examples += 1
            counts = one.counts
            tally.check(
                pause_s is None or 0 <= pause_s <= PAUSE_MAX_S,
                f"a pause of {pause_s} s: {answer!r}",
            )
            tally.check(counts.last_error != DEFECT, f"a defect: {answer!r}")
            sum_of_all = counts.predictions + counts.repeats + counts.refusals + counts.errors
            tally.check(counts.polls == sum_of_all, f"counts do not add up: {answer!r}")
            _check_box(box, tally)

        try:
            example()
        finally:
            runner.run(client.aclose())
            peer.stop()
    counts = one.counts
    tally.came.update(
        predictions=counts.predictions, repeats=counts.repeats, refusals=counts.refusals,
        errors=counts.errors, limited=counts.limited,
    )  # fmt: skip
    tally.came.update(monitor.intake.refused)
    return tally


def _check_box(box: Box, tally: Tally) -> None:
    """Whatever was handed in is sound, and can be recorded."""
    while box.got:
        content = box.got.pop()
        if isinstance(content, Signal):
            tally.check(content.ticker in SYMBOLS, f"{content} is of a ticker nobody trades")
            tally.check(0 <= content.confidence <= 1, f"{content} has such a confidence")
            record: Input = SignalArrived(content, MarketView(content.ticker))
        else:
            tally.check(content.reason in set(RefusalReason), f"{content} has such a reason")
            record = content
        tally.check(from_json(to_json(record)) == record, f"{record} cannot be recorded")
    box.answers.clear()


# -- the webhook ---------------------------------------------------------------------------------

POSTED: Final = {200, 400, 401, 404, 405, 409, 413, 421, 422, 431}
SIGNED = st.sampled_from([True, True, True, False])
WORDS = st.sampled_from(["POST", "POST", "POST", "GET", "put", "\x00"])
PATHS = st.sampled_from([f"/signals/{SOURCE}"] * 4 + ["/signals/", "/%00", "*", "/signals/x y"])
EXTRA = st.just({}) | st.dictionaries(
    st.sampled_from(["webhook-id", "webhook-timestamp", "webhook-signature", "Host", "Expect"]),
    HEADER_TEXT,
    max_size=2,
)


def fuzz_webhook(examples: int, number: int) -> Tally:
    """Post anything, so many times. Raises AssertionError at a fault."""
    tally, box = Tally(), Box()
    hook = SignalWebhook(
        Webhook(port=0, signals_per_s=1e6, burst=1_000_000),
        box,
        SYMBOLS,
        environment={"ENGINE_WEBHOOK_KEY_PREDICTIONS": _word(KEY)},
    )
    hook.listen()

    @_settled(examples, number)
    @given(BODIES, SIGNED, WORDS, PATHS, EXTRA, CUT, st.integers(0, 3))
    def example(
        body: bytes,
        signed: bool,
        word: str,
        path: str,
        extra: dict[str, str],
        cut: int | None,
        again: int,
    ) -> None:
        message_id = f"msg_{tally.examples // (1 + again)}"  # sometimes one that was there before
        request = _request(body, signed, word, path, extra, message_id)[:cut]
        status = _exchanged(hook, request)
        tally.examples += 1
        tally.came[str(status)] += 1
        tally.check(status in POSTED or (status is None), f"{status} for {request[:200]!r}")
        _check_box(box, tally)

    with hook:
        example()
        # It still serves, and what it counted is what it answered.
        body = json.dumps(
            {"ticker": "SPY", "signal": "BUY", "confidence": 1, "timestamp": _now_ms() + 60_000}
        ).encode()
        status = _exchanged(
            hook, _request(body, True, "POST", f"/signals/{SOURCE}", {}, "the_last")
        )
        tally.check(status == 200, f"the last one was answered {status}")
    intake = hook.intake
    answered = hook.counts()[SOURCE]
    finals = answered.get("200", 0) + answered.get("422", 0)
    taken = intake.taken + intake.repeats + answered["repeats"]
    tally.check(answered.get("500", 0) == 0, "a defect was answered 500")
    tally.check(finals <= taken + intake.refused.total(), "more was answered than came")
    tally.check(len(intake._seen) <= SEEN_MAX, "its memory is not bounded")
    tally.came.update(intake.refused)
    return tally


def _word(key: bytes) -> str:
    return "whsec_" + base64.b64encode(key).decode()


def _now_ms() -> int:
    return int(time.time() * 1000)


def _request(
    body: bytes, signed: bool, word: str, path: str, extra: dict[str, str], message_id: str
) -> bytes:
    now_s = int(time.time())
    key = KEY if signed else bytes(32)
    headers = {
        "Host": "127.0.0.1",
        "Content-Length": str(len(body)),
        "webhook-id": message_id,
        "webhook-timestamp": str(now_s),
        "webhook-signature": sign(key, message_id, now_s, body),
        **extra,
    }
    lines = [f"{word} {path} HTTP/1.1", *(f"{name}: {text}" for name, text in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body


def _exchanged(hook: SignalWebhook, request: bytes) -> int | None:
    """The status of the answer; None if there was none, because the request had no end."""
    told = b""
    with socket.create_connection(("127.0.0.1", hook.port), PATIENCE_S) as peer:
        try:
            peer.sendall(request)
            peer.shutdown(socket.SHUT_WR)
            while got := peer.recv(65_536):
                told += got
        except ConnectionError:
            pass  # it did not want the rest
    while told.startswith(b"HTTP/1.1 100"):
        told = told.partition(b"\r\n\r\n")[2]
    return int(told[9:12]) if told.startswith(b"HTTP/1.1 ") else None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--examples", type=int, default=2_000, help="of each")
    parser.add_argument("--seconds", type=float, default=0, help="with other seeds, so long")
    parser.add_argument("--of", choices=sorted(_FUZZES), action="append", help="both unless given")
    asked = parser.parse_args()
    logging.getLogger("engine").addHandler(logging.NullHandler())  # it complains, as it should
    return sum([_fuzzed(name, asked) for name in asked.of or sorted(_FUZZES)])


def _fuzzed(name: str, asked: argparse.Namespace) -> int:
    """How many faults were found: none, or the first."""
    began, number = time.monotonic(), asked.seed
    examples, came = 0, Counter[str]()
    while number == asked.seed or time.monotonic() - began < asked.seconds:
        try:
            tally = _FUZZES[name](asked.examples, number)
        except AssertionError as fault:
            print(f"{name}: FAULT {fault}")
            print(
                f"    again: python -m tests.campaign.signal_fuzz --seed {number} "
                f"--examples {asked.examples} --of {name}"
            )
            return 1
        examples += tally.examples
        came += tally.came
        number += 1
    said = ", ".join(f"{one} {count}" for one, count in came.most_common())
    print(f"{name}: ok, {examples} examples in {time.monotonic() - began:.0f} s: {said}")
    return 0


_FUZZES: Final = {"polling": fuzz_polling, "webhook": fuzz_webhook}


if __name__ == "__main__":
    sys.exit(main())
