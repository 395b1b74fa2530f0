"""One client of the simulated TWS: its connection, what it subscribed to, what waits for it."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Final, Protocol

import attrs

from engine.errors import LimitError
from engine.records import frozen
from engine.sim.delivery import Line
from engine.sim.limits import BarPace, Rate
from engine.sim.streams import LIVE, Stream, TimedStream
from engine.sim.wire import ClientWire
from engine.sim.wire_encoder import Encoder
from engine.sim.wire_messages import Holding, Message, Value

STREAMS_MAX: Final = 1000  # of all kinds together


@attrs.define
class ValueFeed:
    """A subscription to named account values; knows what was sent, because only changes follow."""

    request_id: int
    account: str
    tags: frozenset[str] | None = None  # None: all
    sent: list[tuple[str, str, str]] = attrs.field(factory=list)

    def changes(self, values: list[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
        """Those (key, value, currency) that the client has not been told in this form. There are
        always the same keys, in the same order."""
        tags, before = self.tags, self.sent
        self.sent = values if tags is None else [row for row in values if row[0] in tags]
        if not before:
            return self.sent
        return [new for new, old in zip(self.sent, before, strict=True) if new != old]


@attrs.define
class ProfitFeed:
    """reqPnL, or with ``con_id`` reqPnLSingle."""

    request_id: int
    account: str
    con_id: int | None
    sent: tuple[Value, ...] = ()


class Streams(dict[tuple[int, int], Stream]):
    """The subscriptions of a client by the kind and the id of their requests; a tick asks for
    those of its symbol."""

    def __init__(self) -> None:
        super().__init__()
        self._of: dict[str, tuple[Stream, ...]] = {}
        self._timed: tuple[TimedStream, ...] | None = None

    def of(self, symbol: str) -> tuple[Stream, ...]:
        found = self._of.get(symbol)
        if found is None:
            found = tuple(one for one in self.values() if one.symbol == symbol)
            self._of[symbol] = found
        return found

    @property
    def timed(self) -> tuple[TimedStream, ...]:
        """Those that speak when time alone has passed."""
        if self._timed is None:
            self._timed = tuple(one for one in self.values() if isinstance(one, TimedStream))
        return self._timed

    def _changed(self) -> None:
        self._of.clear()
        self._timed = None

    def __setitem__(self, key: tuple[int, int], stream: Stream) -> None:
        super().__setitem__(key, stream)
        self._changed()

    def __delitem__(self, key: tuple[int, int]) -> None:
        super().__delitem__(key)
        self._changed()

    def take(self, key: tuple[int, int]) -> bool:
        """End the subscription ``key``; False: there is none."""
        if key not in self:
            return False
        del self[key]
        return True


class Passage(Protocol):
    """What happens to frames before they are queued."""

    def free(self, client: Client) -> bool:
        """Whether nothing does, at a glance."""

    def passes(self, client: Client, frame: bytes) -> Iterable[bytes]:
        """What of a frame goes on now."""


@attrs.define(eq=False)
class Client:
    """``client_id`` is None until startApi; ``closing`` says why the connection is to end."""

    wire: ClientWire
    label: str  # where it came from, for logs
    client_id: int | None = None
    closing: str = ""
    streams: Streams = attrs.field(factory=Streams)
    positions: bool = False
    positions_multi: dict[int, str] = attrs.field(factory=dict)  # request id: account
    updates: ValueFeed | None = None
    portfolio: dict[str, Holding] = attrs.field(factory=dict)  # as it was told with the updates
    summaries: dict[int, ValueFeed] = attrs.field(factory=dict)
    multis: dict[int, ValueFeed] = attrs.field(factory=dict)
    profits: dict[int, ProfitFeed] = attrs.field(factory=dict)
    groups: dict[int, int] = attrs.field(factory=dict)  # of windows, by request id
    bulletins: bool = False
    binds: bool = False  # orders by hand become its own as they come (client 0)
    data_type: int = LIVE  # of market data, until it asks for another
    rate: Rate = attrs.field(factory=Rate)
    bars: BarPace = attrs.field(factory=BarPace)
    requests_total: int = 0
    passage: Passage | None = None

    @property
    def line(self) -> Line:
        return self.wire.delivery.line

    @property
    def encoder(self) -> Encoder:
        return self.wire.encoder

    @property
    def ready(self) -> bool:
        return self.client_id is not None and not self.closing

    @property
    def number(self) -> int:
        """The client id of a client that has one."""
        assert self.client_id is not None, "the API has not been started"
        return self.client_id

    def put(self, frame: bytes) -> None:
        """Send one frame, by whatever passage there is."""
        passage = self.passage
        if passage is None or passage.free(self):
            self.queue(frame)
            return
        for one in passage.passes(self, frame):
            self.queue(one)

    def queue(self, frame: bytes) -> None:
        """Queue one frame; a client whose backlog is full is marked for disconnection."""
        if self.closing:
            return
        try:
            self.wire.delivery.put(frame)
        except LimitError as problem:
            self.closing = str(problem)

    def send(self, message: Message, *values: Value) -> None:
        self.put(self.encoder.simple(message, *values))

    def put_all(self, frames: list[bytes]) -> None:
        """Send frames in their order."""
        if not frames or self.closing:
            return
        if self.passage is not None and not self.passage.free(self):
            for frame in frames:
                self.put(frame)
        else:
            try:
                self.wire.delivery.put_all(frames)
            except LimitError as problem:
                self.closing = str(problem)


@frozen
class Profit:
    """Profit and loss of one account or one position of it."""

    daily: Decimal
    unrealised: Decimal
    realised: Decimal
    quantity: Decimal = Decimal(0)
    value: Decimal = Decimal(0)
