"""The engine at the sender's port, with a clock beside every stage of its writer thread.

Usage: python -m bench.peers.engine WHAT PORT [JOURNAL [DURABILITY]]

``events``    holds one resting order and notes, for each stamped status, when the core had
              applied it
``orders``    trades on a price trigger and notes the stages of each step that sent an order
``holding``   the same, and it holds a position in each of five other symbols meanwhile
``idle``      becomes live, and tells how long that took and how much memory it holds
``history``   the same with fifty symbols and a journal that is there already

Ends when its standard input does, and prints what it noted as JSON.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, Literal, cast

from engine.config import Config, from_mapping
from engine.engine import Engine
from engine.inputs import Input

SYMBOLS = {
    "idle": ["IBM", "AAPL", "MSFT", "CSCO", "SPY"],
    "history": [f"S{first}{second}" for first in "ABCDE" for second in "ABCDEFGHIJ"],
}
HELD = ("T0", "T1", "T2", "T3", "T4")
TRADING = ("orders", "holding")
ORDER_STATUS = 3
STAMP = 11  # mktCapPrice in the tuple of an order status


def config(port: int, what: str, symbols: Sequence[str]) -> Config:
    rule = {
        "id": "crossing",
        "symbols": ["IBM"],
        "when": {"kind": "market", "field": "last", "op": "above", "level": 100.5},
        "then": {"kind": "enter", "side": "BUY"},
    }
    return from_mapping(
        {
            "strategy": {
                "symbols": list(symbols),
                "sizing": {"shares": 100},
                "stop": {"percent": 5.0},
                "target": {"percent": 1.0},
                "cooldown_s": 0.0,
                "entries_per_day_max": 1_000_000,
                "rules": [rule] if what in TRADING else [],
            },
            "limits": {
                "orders_per_minute_max": 1_000_000,
                "orders_per_second_max": 1_000_000,
                "entries_in_window_max": 1_000_000,
            },
            "broker": {
                "port": port,
                "tick_by_tick_max": 1 if what == "events" else 0,
                "messages_per_s_max": 10_000,
            },
        }
    )


class Probe:
    """Wraps the stages of one engine's writer; costs a fraction of a microsecond each.

    Nothing in the engine knows of it: the methods are replaced on the instances.
    """

    def __init__(self, engine: Engine) -> None:
        self._runtime = cast(Any, engine)._runtime
        self._session = cast(Any, engine)._session
        self._journal = cast(Any, engine)._journal
        self._stamps: list[float] = []
        self._awake_ns = 0
        self._encoded_ns = 0
        self._marks: list[int] = []
        self.applied: list[float] = []  # seconds from sent to applied, per stamped status
        self.parts: list[tuple[float, ...]] = []  # of each, see EVENT_STAGES
        self.stages: list[list[int]] = []  # see STAGES, nanoseconds
        self._wrap_waiting()
        self._wrap_messages()
        self._wrap_step()
        for owner, name in ((self._journal, "append"), (self._journal, "commit")):
            setattr(owner, name, self._marked(getattr(owner, name)))
        self._wrap_sending()

    def _wrap_waiting(self) -> None:
        transport = self._session.transport
        inner = transport.wait

        def wait(*arguments: Any) -> Any:
            found = inner(*arguments)
            self._awake_ns = time.monotonic_ns()
            connection = getattr(self._session.link, "connection", None)
            if connection is not None and "send" not in vars(connection):
                connection.send = self._sending(connection.send)
            return found

        transport.wait = wait

    def _wrap_messages(self) -> None:
        inner = self._session.hear

        def hear(messages: list[tuple[int, tuple[Any, ...]]]) -> Any:
            for _, message in messages:
                if message[0] == ORDER_STATUS and message[STAMP]:
                    self._stamps.append(message[STAMP])
            return inner(messages)

        self._session.hear = hear

    def _wrap_step(self) -> None:
        inner = self._runtime.core.step

        def step(inputs: Sequence[Input], now_ns: int) -> Any:
            received = getattr(self._session.reader, "last_receive_ns", 0)
            began = time.monotonic_ns()
            output = inner(inputs, now_ns)
            ended = time.monotonic_ns()
            if self._stamps:
                marks = (received / 1e9, began / 1e9, ended / 1e9)
                for stamp in self._stamps:
                    self.applied.append(marks[-1] - stamp)
                    before = (stamp, *marks[:-1])
                    self.parts.append(tuple(b - a for a, b in zip(before, marks, strict=True)))
                self._stamps.clear()
            self._marks = [received, self._awake_ns, began, ended]
            return output

        self._runtime.core.step = step

    def _marked(self, inner: Callable[..., Any]) -> Callable[..., Any]:
        def marked(*arguments: Any) -> Any:
            found = inner(*arguments)
            self._marks.append(time.monotonic_ns())
            return found

        return marked

    def _wrap_sending(self) -> None:
        inner = self._session.perform

        def perform(*arguments: Any) -> Any:
            found = inner(*arguments)
            self._encoded_ns = time.monotonic_ns()
            return found

        self._session.perform = perform

    def _sending(self, inner: Callable[[bytes], None]) -> Callable[[bytes], None]:
        """The last mark is taken before the bytes leave: on loopback the peer may get them, and
        even this core, before the system call returns."""

        def send(data: bytes) -> None:
            if self._encoded_ns and len(self._marks) == len(STAGES) - 1:
                self.stages.append([*self._marks, self._encoded_ns, time.monotonic_ns()])
            self._encoded_ns = 0
            self._marks.clear()
            inner(data)

        return send


EVENT_STAGES = ("sent -> received", "received -> step", "core step")
# Each is from the mark before; the first mark is the receive.
STAGES = (
    "handed over to the interpreter",
    "gathered as inputs",
    "core step",
    "journal append",
    "journal commit",
    "encode",
    "flush",
)


def hold(engine: Engine) -> None:
    assert engine.wait_for_prices(), "no prices came"
    for symbol in HELD:
        signal = {"ticker": symbol, "signal": "BUY", "confidence": 0.9}
        refusal = engine.publish(signal).result(10)
        assert refusal is None, refusal


def main() -> None:
    what, port, *rest = sys.argv[1:]
    path = rest[0] if rest else None
    durability = cast(Literal["full", "normal"], rest[1] if len(rest) > 1 else "full")
    symbols = SYMBOLS.get(what, ["IBM", *(HELD if what == "holding" else ())])
    began = time.perf_counter()
    engine = Engine(config(int(port), what, symbols), path, durability=durability)
    built_s = time.perf_counter() - began
    probe = Probe(engine)
    engine.start()
    live_s = time.perf_counter() - began
    if what == "events":
        deadline = time.monotonic() + 10
        while engine.view().symbols[0].market.bid is None and time.monotonic() < deadline:
            time.sleep(0.01)
        engine.bracket("IBM", "BUY", 1, stop=90, entry=95)
    if what == "holding":
        hold(engine)
    if what not in SYMBOLS:
        sys.stdin.read()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    told = {
        "built_s": built_s,
        "live_s": live_s,
        "memory": memory,
        "applied": probe.applied,
        "parts": probe.parts,
        "stages": probe.stages,
    }
    engine.stop()
    print(json.dumps(told), flush=True)
    os._exit(0)


if __name__ == "__main__":
    main()
