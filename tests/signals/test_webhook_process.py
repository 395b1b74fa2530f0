"""The webhook's process: killed, stopped, gone mad, and without an engine."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import LimitError
from engine.inputs import Signal
from engine.signals import webhook
from engine.signals.intake import Checked
from engine.signals.schema import SIGNALS, RefusalReason, SignalRefusedError
from engine.signals.webhook import SignalWebhook
from engine.signals.webhook_child import EngineStream
from engine.signals.webhook_stream import (
    LINE_BYTES_MAX,
    WAITING_MAX,
    DamagedLineError,
    Note,
    Opening,
    Patience,
    Told,
    Verdict,
    read_told,
    read_verdicts,
    told_line,
    verdicts_line,
)
from engine.sources import Webhook
from tests.campaign.peers import PATIENCE_S, Box
from tests.signals.conftest import until
from tests.signals.damaged_child import SOURCE, good
from tests.signals.senders import ENVIRONMENT, KEY, SENDERS, post, prediction, serving, word

ROOT = Path(__file__).parents[2]


def warned(box: Box) -> tuple[SignalWebhook, list[str]]:
    told: list[str] = []
    settings = Webhook(port=0, senders=SENDERS)
    hook = SignalWebhook(settings, box, ["SPY"], environment=ENVIRONMENT, warn=told.append)
    hook.listen()
    return hook, told


# -- its end ---------------------------------------------------------------------------------------


def test_one_that_was_killed_is_started_again_and_nothing_is_taken_twice(box: Box) -> None:
    body = prediction()
    hook, told = warned(box)
    with hook:
        first = post(hook, body, message_id="m1")
        until(lambda: hook.counts()[SOURCE].get("200") == 1)
        killed = hook.pid
        assert killed is not None
        os.kill(killed, signal.SIGKILL)
        again = post(hook, body, message_id="m1")  # waits at the port until it is served
        other = post(hook, prediction(signal="SELL", timestamp=int(time.time() * 1000) + 1))
        assert hook.pid != killed

    assert (first.status, first.words["repeat"]) == (200, False)
    assert (again.status, again.words["repeat"]) == (200, True)
    assert other.status == 200
    assert len(box.got) == 2
    assert hook.restarts == 1
    assert told == [
        "the webhook's process has ended (by signal 9); it is started again: senders whose "
        "predictions were under way send them again"
    ]
    assert hook.counts()[SOURCE] == {"200": 3, "repeats": 0}


@pytest.mark.slow
def test_one_that_says_nothing_any_more_is_replaced(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook, "SILENCE_S", 8.0)
    hook, told = warned(box)
    with hook:
        assert post(hook, prediction()).status == 200
        stopped = hook.pid
        assert stopped is not None
        os.kill(stopped, signal.SIGSTOP)
        monkeypatch.setattr(webhook, "END_TIMEOUT_S", 0.1)
        until(lambda: told)
        assert post(hook, prediction(signal="SELL")).status == 200

    assert "it said nothing for 8 s" in told[0]


def test_it_ends_with_the_engine_and_leaves_the_port(tmp_path: Path) -> None:
    program = (
        "import sys; from tests.signals.test_webhook_process import warned\n"
        "from tests.campaign.peers import Box\n"
        "hook, told = warned(Box()); hook.start()\n"
        "print(hook.port, flush=True)\n"
        "while hook.pid is None: pass\n"
        "print(hook.pid, flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as engine:
        assert engine.stdout is not None
        port, pid = int(engine.stdout.readline()), int(engine.stdout.readline())
        answered = _get(port)  # it serves
        engine.kill()
    until(lambda: not Path(f"/proc/{pid}").exists())

    assert answered.startswith(b"HTTP/1.1 404 ")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), PATIENCE_S)


def _get(port: int) -> bytes:
    with socket.create_connection(("127.0.0.1", port), PATIENCE_S) as peer:
        peer.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        return peer.recv(65_536)


def test_keys_stand_in_no_argument(box: Box) -> None:
    with serving(box) as hook:
        assert post(hook, prediction()).status == 200
        shown = Path(f"/proc/{hook.pid}/cmdline").read_bytes()

    assert b"webhook_child" in shown
    for text in (word(KEY)[6:].encode(), KEY):
        assert text not in shown


# -- what it says ----------------------------------------------------------------------------------


def test_damaged_lines_are_refused_and_counted(
    box: Box, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(webhook, "MODULE", "tests.signals.damaged_child")
    hook, told = warned(box)
    with hook:
        until(lambda: told)

    refused, taken = (hook.counts()[SOURCE][name] for name in ("refused", "taken"))
    assert refused == 7 * taken >= 7  # of each process that got so far
    assert hook.damaged >= 8  # seven lines, and the one without an end
    assert "what it says has no end" in told[0]
    assert {one.ticker for one in box.signals} == {"SPY"}
    assert "a line of the webhook's process was refused" in caplog.text


TEXTS = st.text(max_size=20)
CHECKED = st.builds(
    Checked,
    TEXTS,
    TEXTS,
    st.builds(
        Signal,
        TEXTS,
        TEXTS,
        TEXTS,
        st.sampled_from(SIGNALS),
        st.floats(0, 1),
        st.integers(0, 2**62),
        st.none() | st.floats(1e-9, 1e300),
    ),
)
NOTES = st.builds(Note, TEXTS, st.sampled_from(list(RefusalReason)), TEXTS, st.integers(1, 2**52))
COUNTS = st.dictionaries(TEXTS, st.dictionaries(TEXTS, st.integers(0, 2**52), max_size=3))


@given(st.lists(CHECKED, max_size=4), st.lists(NOTES, max_size=3), COUNTS)
def test_a_line_says_what_was_meant(
    items: list[Checked], notes: list[Note], counts: dict[str, dict[str, int]]
) -> None:
    # A signal is of the sender that hands it in.
    items = [Checked(one.signal.source, one.mark, one.signal) for one in items if one.signal]
    line = told_line(items, notes, counts)

    assert read_told(line) == Told(items, notes, counts)
    assert line.index(b"\n") == len(line) - 1


def test_a_refusal_is_said_too() -> None:
    refusal = SignalRefusedError(RefusalReason.UNKNOWN_SIGNAL, "'MOON' is none", "SPY")
    (one,) = read_told(told_line([Checked("a", "b", refusal=refusal)], [], {})).items

    assert one.refusal is not None
    assert (one.source, one.mark, one.signal) == ("a", "b", None)
    assert (one.refusal.words(), one.refusal.ticker) == (refusal.words(), "SPY")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=9) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=20,
)


@given(
    st.binary(max_size=200) | VALUES.map(lambda value: json.dumps(value).encode()),
    st.integers(0, 40),
)
def test_anything_is_understood_or_refused(line: bytes, count: int) -> None:
    for read in (read_told, lambda told: read_verdicts(told, count)):
        try:
            found = read(line)
        except DamagedLineError:
            continue
        assert isinstance(found, Told) or len(found) == count


@given(st.data())
def test_a_line_that_was_changed_is_understood_or_refused(data: st.DataObject) -> None:
    line = bytearray(told_line(good(), [Note("a", RefusalReason.MALFORMED, "x", 1)], {"a": {}}))
    for _ in range(data.draw(st.integers(1, 3))):
        line[data.draw(st.integers(0, len(line) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = read_told(bytes(line))
    except DamagedLineError:
        return
    for one in found.items:
        assert one.signal is None or one.signal.signal in SIGNALS


def test_what_is_told_at_first_arrives() -> None:
    opening = Opening.of(Webhook(burst=7), {"a": ["b"]}, ["SPY"], Patience(body_s=2))

    assert Opening.read(opening.line()) == opening


# -- a slow engine ---------------------------------------------------------------------------------


class Pair:
    """A stream as the process has it, and the engine's end of it."""

    def __init__(self, opened: ExitStack) -> None:
        self.engine, self._theirs = map(opened.enter_context, socket.socketpair())
        self.engine.settimeout(PATIENCE_S)
        self.heard = opened.enter_context(self.engine.makefile("rb"))

    async def stream(self) -> EngineStream:
        reader, writer = await asyncio.open_connection(sock=self._theirs, limit=LINE_BYTES_MAX)
        return EngineStream(reader, writer)

    async def line(self) -> Told:
        return read_told(await asyncio.to_thread(self.heard.readline))


class Silent:
    def counts(self) -> dict[str, dict[str, int]]:
        return {}


def test_what_a_slow_engine_cannot_take_is_turned_away_and_what_waits_goes_together() -> None:
    async def scenario() -> None:
        with ExitStack() as opened:
            pair = Pair(opened)
            stream = await pair.stream()
            running = asyncio.create_task(stream.run(Silent()))  # type: ignore[arg-type]
            (one,) = good()
            first = asyncio.create_task(stream.hand_in(one))
            assert len((await pair.line()).items) == 1
            waiting = [asyncio.create_task(stream.hand_in(one)) for _ in range(WAITING_MAX)]
            await asyncio.sleep(0)
            with pytest.raises(LimitError, match="wait for the engine"):
                await stream.hand_in(one)
            waiting[0].cancel()  # its sender waits no more: it is not handed in
            pair.engine.sendall(verdicts_line([Verdict(200, {})]))
            assert (await first).status == 200
            told = await pair.line()
            assert len(told.items) == 32
            pair.engine.sendall(verdicts_line(None))  # refused as a line
            assert {(await one).status for one in waiting[1:33]} == {503}
            pair.engine.shutdown(socket.SHUT_WR)
            with pytest.raises(LimitError, match="stopped"):
                await waiting[-1]
            with pytest.raises(LimitError, match="stopped"):
                await stream.hand_in(one)
            await running
            await asyncio.gather(*waiting, return_exceptions=True)

    asyncio.run(scenario())


def test_counts_are_told_in_a_flood_too() -> None:
    class Counting:
        told = 0

        def counts(self) -> dict[str, dict[str, int]]:
            self.told += 1
            return {"a": {"200": self.told}}

    async def scenario() -> None:
        with ExitStack() as opened:
            pair = Pair(opened)
            stream = await pair.stream()
            server = Counting()
            running = asyncio.create_task(stream.run(server))  # type: ignore[arg-type]
            (one,) = good()
            waiting = [asyncio.create_task(stream.hand_in(one)) for _ in range(33)]
            assert (await pair.line()).counts == {}
            while not server.told:  # all the while, a line is on its way
                await asyncio.sleep(0.01)
            pair.engine.sendall(verdicts_line([Verdict(200, {})] * 32))
            assert (await pair.line()).counts["a"]["200"] >= 1
            pair.engine.shutdown(socket.SHUT_WR)
            await running
            await asyncio.gather(*waiting, return_exceptions=True)

    asyncio.run(scenario())


def test_strangers_are_told_together() -> None:
    async def scenario() -> None:
        with ExitStack() as opened:
            pair = Pair(opened)
            stream = await pair.stream()
            for number in range(1000):
                refusal = SignalRefusedError(RefusalReason.UNAUTHORISED, f"{number}")
                stream.note(refusal, "a")
            running = asyncio.create_task(stream.run(Silent()))  # type: ignore[arg-type]
            assert (await pair.line()).notes == [Note("a", RefusalReason.UNAUTHORISED, "999", 1000)]
            pair.engine.shutdown(socket.SHUT_WR)
            await running

    asyncio.run(scenario())


def test_a_slow_engine_is_told_to_its_senders(box: Box) -> None:
    """What nobody makes durable is 503 for all that wait, and taken once when it can be."""
    box.held = True
    with serving(box, patience=Patience(durable_s=1.0)) as hook:
        bodies = [prediction(timestamp=int(time.time() * 1000) + n) for n in range(3)]
        told = [post(hook, body).status for body in bodies[:2]]
        for answer in box.answers:
            answer.set_result(None)
        box.held = False
        again = [post(hook, body) for body in bodies]

    assert told == [503, 503]
    assert [one.status for one in again] == [200] * 3
    assert len({one.identity for one in box.signals}) == len(box.signals) == 3
