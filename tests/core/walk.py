"""One core at random: it is told whatever comes next, and has to believe what it must after every
word.

What comes, others say. One number decides everything.
"""

from __future__ import annotations

import random
import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

import attrs
import orjson

from engine.commands import Follow, LookAtMarket, Snapshot, Unwatch, Watch
from engine.config import CONVERTER, from_mapping
from engine.core import Core, Output
from engine.events import AlertEvent
from engine.groups import Past
from engine.inputs import (
    AccountsListed,
    ExecutionReported,
    Input,
    InstrumentDefined,
    MarketSeen,
    MarketView,
    OrderIdGranted,
    SessionChanged,
    Started,
)
from engine.sim.instruments import instrument, session
from tests.core.desk import ACCOUNT, CLIENT, DAY, MILLISECOND, SECOND

SYMBOLS: Final = ("AAPL", "MSFT")
OPEN_NS, CLOSE_NS = session(DAY)


class Walk(ABC):
    """One core, and all that it was told. ``seed`` decides what happens."""

    def __init__(self, seed: int, **strategy: Any) -> None:
        self.random = random.Random(seed)
        self.config = from_mapping({"strategy": {"symbols": list(SYMBOLS), **strategy}})
        self.core = Core(self.config)
        self.now_ns = OPEN_NS + 60 * SECOND
        self.executions: dict[str, ExecutionReported] = {}  # told, by identity, last revision
        self.watches: dict[int, Watch] = {}
        self.asked: list[Snapshot] = []
        self.behaves = False
        self.strange: list[str] = []  # alerts that must not be
        self.past = dict.fromkeys(SYMBOLS, Decimal(0))  # brought by groups that are forgotten
        self.story: list[tuple[int, tuple[Input, ...]]] = []  # all that the core was told
        self._start()

    def _start(self) -> None:
        settings = orjson.dumps(CONVERTER.unstructure(self.config)).decode()
        self.tell(Started("u1", "test", settings, CLIENT, ACCOUNT))
        self.tell(*(InstrumentDefined(self._contract(symbol)) for symbol in SYMBOLS))
        self.greet("START")

    @staticmethod
    def _contract(symbol: str) -> Any:
        return attrs.evolve(instrument(symbol), sessions=((OPEN_NS, CLOSE_NS),))

    def greet(self, first: str) -> None:
        """A whole new connection."""
        epoch = self.core.state.epoch + 1
        self.tell(SessionChanged(first, epoch), SessionChanged("SOCKET_OPENED", epoch))
        self.tell(
            OrderIdGranted(1), AccountsListed((ACCOUNT,)), SessionChanged("HANDSHAKE_DONE", epoch)
        )
        self.tell(SessionChanged("SYNCED", epoch))

    @abstractmethod
    def moves(self) -> list[tuple[Callable[[], list[Input]], int]]:
        """What may happen, and how often it does beside the others."""

    # -- the loop ----------------------------------------------------------------------------

    def run(self, steps: int) -> None:
        tempers = (0.0, 0.5, 0.9, 0.99)
        tame = self.random.choice(tempers)  # how often it behaves
        moves = [move for move, weight in self.moves() for _ in range(weight)]
        for _ in range(steps):
            self.behaves = self.random.random() < tame
            self.now_ns += self.random.choice((0, MILLISECOND, 100 * MILLISECOND, SECOND))
            if found := self.random.choice(moves)():
                self.tell(*found)

    def tell(self, *inputs: Input) -> None:
        """One step, and what it makes us answer; positions are the fold of what was told."""
        waiting = inputs
        state = self.core.state
        while waiting:
            self.story.append((self.now_ns, waiting))
            groups = {number: (one.symbol, one.held) for number, one in state.groups.items()}
            waiting = tuple(self._carry_out(self.core.step(waiting, self.now_ns)))
            for number in groups.keys() - state.groups.keys():
                symbol, held = groups[number]
                self.past[symbol] += held
        for symbol in SYMBOLS:
            past = state.direct_past.get(symbol, Past()).quantity
            assert past == self.past[symbol], f"{symbol}: {past} of orders that are forgotten"
            owners = [*state.contexts.values(), *state.groups.values()]
            own = sum((one.held for one in owners if one.symbol == symbol), past)
            assert own == state.held(symbol), f"{symbol}: {state.held(symbol)} held"
            self.check(symbol, own - past)

    def check(self, symbol: str, own: Decimal) -> None:
        known = own + self.of_others(symbol)
        assert known == self.executed(symbol), f"{symbol}: {known} held"

    def _carry_out(self, output: Output) -> list[Input]:
        answers: list[Input] = []
        alerts = [one.text for one in output.events if isinstance(one, AlertEvent)]
        self.strange += [text for text in alerts if re.search("context .* no such row", text)]
        for command in output.commands:
            if isinstance(command, LookAtMarket):
                answers.append(MarketSeen(self.view(command.symbol)))
            elif isinstance(command, Watch):
                self.watches[command.number] = command
            elif isinstance(command, Unwatch):
                del self.watches[command.number]
            elif isinstance(command, Follow):
                continue
            elif isinstance(command, Snapshot):
                self.asked.append(command)
            else:
                assert self.core.state.live, f"sent without a session: {command}"
        return answers

    # -- what is true ------------------------------------------------------------------------

    def executed(self, symbol: str) -> Decimal:
        told = [one for one in self.executions.values() if one.symbol == symbol]
        return sum((one.quantity * (1 if one.side == "BUY" else -1) for one in told), Decimal(0))

    def of_others(self, symbol: str) -> Decimal:
        """Of executions that no order of ours explains: of forgotten trades, mostly."""
        owners = self.core.state.execution_owner
        told = [
            one
            for identity, one in self.executions.items()
            if one.symbol == symbol and not self._counted(owners.get(identity))
        ]
        return sum((one.quantity * (1 if one.side == "BUY" else -1) for one in told), Decimal(0))

    def _counted(self, number: int | None) -> bool:
        state = self.core.state
        return number in state.contexts or number in state.groups

    def view(self, symbol: str) -> MarketView:
        middle = 100 + self.random.randint(-300, 300) / 100
        return MarketView(symbol, middle - 0.01, middle + 0.01, middle, 0, 1.0)
