"""What a sync waits for: snapshots whose End must arrive in this epoch, and instruments.

Pure bookkeeping: frames to send and inputs to tell are returned.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Final

from engine.broker.definitions import ContractFacts, instrument
from engine.broker.inbound import ContractDefined, ContractsEnded, Notice, RuleDefined
from engine.broker.requests import HURRIED, Requests
from engine.errors import ConfigError, DecodeError
from engine.inputs import (
    Input,
    Instrument,
    InstrumentDefined,
    SnapshotEnded,
    SnapshotKind,
    SnapshotStarted,
)

# Request ids lie below order ids: TWS reports errors of both under one number. They are small
# because the market finds its row by indexing with them.
REQUEST_ID_FIRST: Final = 1
ORDER_ID_FIRST: Final = 1 << 20
KINDS: Final[tuple[SnapshotKind, ...]] = (
    "open_orders",
    "executions",
    "completed_orders",
    "positions",
)
PREPARE_NS: Final = 2_000_000  # between two order templates: each takes as long itself
NOT_FOUND: Final = 200  # "No security definition has been found for the request"


class RequestIds:
    """Numbers for requests, not used again for a million requests."""

    def __init__(self) -> None:
        self._next = REQUEST_ID_FIRST

    def take(self) -> int:
        found = self._next
        self._next = found + 1 if found + 1 < ORDER_ID_FIRST else REQUEST_ID_FIRST
        return found


class Snapshots:
    """Which snapshots are under way on one connection.

    Answers of one kind arrive in the order of their questions, so a question asked again ends
    with the last of its Ends: an answer to the first is older than the second question. An End
    that is lost therefore keeps all later ones from counting (``overdue``).
    """

    def __init__(self, requests: Requests, ids: RequestIds) -> None:
        self._requests = requests
        self._ids = ids
        self._ends: dict[SnapshotKind, int] = {}  # Ends still to come
        self._since_ns: dict[SnapshotKind, int] = {}  # the oldest question without its End
        self._executions_id = 0

    @property
    def waiting(self) -> list[SnapshotKind]:
        return [kind for kind in KINDS if self._ends.get(kind)]

    def overdue(self, kind: SnapshotKind, mono_ns: int, limit_ns: int) -> bool:
        """Whether a question has waited for its End longer than that. Answers with executions
        carry the number of their question, so a lost one is in nobody's way."""
        if kind == "executions" or not self._ends.get(kind):
            return False
        return mono_ns - self._since_ns[kind] > limit_ns

    def ask(
        self, kind: SnapshotKind, epoch: int, foreign: bool = False, mono_ns: int = 0
    ) -> tuple[list[bytes], list[Input]]:
        """The frames that ask for ``kind``; ``foreign`` adds open orders of other clients."""
        requests = self._requests
        frames: list[bytes]
        if kind == "open_orders":
            frames = [requests.open_orders()]
            if foreign:
                frames.append(requests.all_open_orders())
        elif kind == "executions":
            self._executions_id = self._ids.take()
            self._ends[kind] = 0  # only the answer to the newest question counts, by its id
            frames = [requests.executions(self._executions_id)]
        elif kind == "completed_orders":
            frames = [requests.completed_orders()]
        else:
            frames = [requests.positions()]
        if not self._ends.get(kind):
            self._since_ns[kind] = mono_ns
        self._ends[kind] = self._ends.get(kind, 0) + len(frames)
        return frames, [SnapshotStarted(kind, epoch)]

    def ended(self, kind: SnapshotKind, epoch: int) -> list[Input]:
        """An End arrived; the snapshot is told as ended with its last one."""
        left = self._ends.get(kind, 0)
        if left == 0:
            return []  # an End that nobody waits for: a duplicate
        self._ends[kind] = left - 1
        return [SnapshotEnded(kind, epoch)] if left == 1 else []

    def executions_ended(self, request_id: int, epoch: int) -> list[Input]:
        return self.ended("executions", epoch) if request_id == self._executions_id else []


class Definitions:
    """Instruments of the strategy's symbols, asked anew in every sync: their hours are of the
    coming days, and a con id can change overnight."""

    def __init__(self, symbols: Sequence[str]) -> None:
        self.instruments: dict[str, Instrument] = {}
        self._symbols = tuple(symbols)
        self._asked: dict[int, str] = {}  # request id -> symbol
        self._facts: dict[str, ContractFacts] = {}
        self._rules: dict[int, tuple[tuple[Decimal, Decimal], ...]] = {}
        self._rules_asked: set[int] = set()
        self._open: set[str] = set()
        self._unprepared: deque[tuple[Instrument, tuple[str, str]]] = deque()
        self.prepare_ns: int | None = None  # when the next template is to be learned

    def recall(self, instruments: Iterable[Instrument]) -> None:
        """They were defined in an earlier run, and are in use."""
        self.instruments.update({one.symbol: one for one in instruments})

    @property
    def waiting(self) -> list[str]:
        """Symbols whose definition has not come."""
        return sorted(self._open)

    def start(self, requests: Requests, ids: RequestIds) -> list[bytes]:
        """The frames that ask for every symbol."""
        self._asked = {ids.take(): symbol for symbol in self._symbols}
        self._open = set(self._symbols)
        self._facts.clear()
        self._rules_asked.clear()
        return [
            requests.contract_details(request_id, symbol)
            for request_id, symbol in self._asked.items()
        ]

    def unprepared(self, mono_ns: int) -> None:
        """A new connection, live now: whatever was learned was of another version."""
        self._unprepared = deque(
            (defined, kind) for kind in HURRIED for defined in self.instruments.values()
        )
        self.prepare_ns = mono_ns + PREPARE_NS

    def prepare(self, mono_ns: int, requests: Requests, account: str, outside_rth: bool) -> None:
        """Learn one more order template, if it is time: first those that entries begin with."""
        if self.prepare_ns is None or mono_ns < self.prepare_ns:
            return
        defined, hurried = self._unprepared.popleft()
        requests.prepare(defined, account, outside_rth, *hurried)
        self.prepare_ns = mono_ns + PREPARE_NS if self._unprepared else None

    def heard(self, notice: Notice, requests: Requests) -> tuple[list[bytes], list[Input]]:
        """What TWS says of a contract or a price rule: frames to send, and inputs to tell."""
        if isinstance(notice, ContractDefined):
            self.described(notice.facts)
        elif isinstance(notice, ContractsEnded):
            return self.ended(notice.request_id, requests)
        elif isinstance(notice, RuleDefined):
            return [], self.ruled(notice.rule_id, notice.increments)
        return [], []

    def described(self, facts: ContractFacts) -> None:
        """One contract that matches; the first of several is taken, as TWS lists the best first."""
        symbol = self._asked.get(facts.request_id)
        if symbol is not None:
            self._facts.setdefault(symbol, facts)

    def ended(self, request_id: int, requests: Requests) -> tuple[list[bytes], list[Input]]:
        """All contracts of one request came: its price rule is asked, unless it is known."""
        symbol = self._asked.get(request_id)
        if symbol is None:
            return [], []
        facts = self._facts.get(symbol)
        if facts is None:
            return [], self._missing(symbol, "TWS lists no contract")
        with self._kept(symbol):
            rule = facts.market_rule
        if rule is None or rule in self._rules:
            return [], self._define(symbol)
        if rule in self._rules_asked:
            return [], []
        self._rules_asked.add(rule)
        return [requests.market_rule(rule)], []

    def ruled(self, rule_id: int, increments: tuple[tuple[Decimal, Decimal], ...]) -> list[Input]:
        self._rules[rule_id] = increments
        waiting = [
            symbol
            for symbol in self.waiting
            if symbol in self._facts and self._facts[symbol].market_rule == rule_id
        ]
        return [found for symbol in waiting for found in self._define(symbol)]

    def failed(self, request_id: int, code: int, text: str) -> list[Input] | None:
        """An error under ``request_id``; None if that is none of ours.

        Raises:
            ConfigError: TWS does not know a symbol that was never defined before.
        """
        symbol = self._asked.get(request_id)
        if symbol is None or symbol not in self._open:
            return None
        return self._missing(symbol, text) if code == NOT_FOUND else []

    def _missing(self, symbol: str, text: str) -> list[Input]:
        # With positions on, a symbol that TWS forgot overnight (a delisting) must not stop the
        # engine, nor keep it from starting; of which nothing is held, it is a misspelling.
        if symbol not in self.instruments:
            raise ConfigError(
                f"{symbol}: TWS knows no such US stock ({text}): correct strategy.symbols"
            )
        self._open.discard(symbol)
        return []

    @contextlib.contextmanager
    def _kept(self, symbol: str) -> Iterator[None]:
        """What cannot be read of a symbol that was defined before leaves it as it was: no other one
        has to wait for it."""
        try:
            yield
        except DecodeError:
            if symbol in self.instruments:
                self._open.discard(symbol)
            raise

    def _define(self, symbol: str) -> list[Input]:
        facts = self._facts[symbol]
        rule = facts.market_rule
        with self._kept(symbol):
            found = instrument(facts, symbol, () if rule is None else self._rules[rule])
        self._open.discard(symbol)
        if self.instruments.get(symbol) == found:
            return []
        self.instruments[symbol] = found
        return [InstrumentDefined(found)]
