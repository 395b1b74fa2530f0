from typing import Final, Protocol

from _fast.tick_frames import TickFrames

# Tick types of TWS.
BID: Final[int]
ASK: Final[int]
LAST: Final[int]
HIGH: Final[int]
LOW: Final[int]
OPEN: Final[int]
BID_SIZE: Final[int]
ASK_SIZE: Final[int]
LAST_SIZE: Final[int]
VOLUME: Final[int]
LAST_TIME: Final[int]

class _Tick(Protocol):
    @property
    def time_ns(self) -> int: ...
    @property
    def kind(self) -> str: ...
    @property
    def price(self) -> float: ...
    @property
    def size(self) -> int: ...

class _Quote(Protocol):
    @property
    def bid(self) -> float | None: ...
    @property
    def bid_size(self) -> int: ...
    @property
    def ask(self) -> float | None: ...
    @property
    def ask_size(self) -> int: ...
    @property
    def open(self) -> float | None: ...
    @property
    def high(self) -> float | None: ...
    @property
    def low(self) -> float | None: ...
    @property
    def volume(self) -> int: ...

class Teller:
    """A subscription to the market of one symbol."""

    def __init__(self, request_id: int, symbol: str, frames: TickFrames) -> None: ...
    @property
    def request_id(self) -> int: ...
    @property
    def symbol(self) -> str: ...
    def tick(self, tick: _Tick, quote: _Quote) -> list[bytes]:
        """The frames that ``tick`` causes; ``quote`` already contains it."""

class QuoteTeller(Teller):
    """Tells bid, ask, last and the figures of the day; each attribute is what it told last."""

    bid: float | None
    ask: float | None
    last: float | None
    last_size: int
    last_s: int
    high: float | None
    low: float | None
    open: float | None

class TickTeller(Teller):
    """Tells each trade (``Last``, ``AllLast``) or each change of the quote (``BidAsk``,
    ``MidPoint``). Raises KeyError: any other kind."""

    def __init__(self, request_id: int, symbol: str, kind: str, frames: TickFrames) -> None: ...
    @property
    def kind(self) -> str: ...

def middle(bid: float, ask: float) -> float:
    """Between the two, as TWS tells it."""
