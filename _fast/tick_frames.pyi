class Sheet:
    """Frames one behind the other, as ``_fast.tellers`` writes them."""

    @property
    def frames(self) -> int:
        """How many are there."""
    def take(self) -> bytes:
        """All of them; the sheet is empty again."""

class TickFrames:
    """The ticks of one request as frames. ``heads`` are the bytes in front of what differs from
    tick to tick: of prices, sizes, strings, generic ticks and ticks one by one; then whether the
    first four, and the last, are protobuf. ``second`` is epoch time.

    Raises:
        ValueError: not five heads, or one too long; a word too long.
    """

    def __init__(
        self, heads: tuple[bytes, ...], market_protobuf: bool, one_by_one_protobuf: bool
    ) -> None: ...
    def price(self, kind: int, price: float, size: int, mask: int) -> bytes: ...
    def size(self, kind: int, size: int) -> bytes: ...
    def string(self, kind: int, value: str) -> bytes: ...
    def generic(self, kind: int, value: float) -> bytes: ...
    def last(self, kind: int, second: int, price: float, size: int, exchange: str) -> bytes: ...
    def bid_ask(
        self, second: int, bid: float, ask: float, bid_size: int, ask_size: int
    ) -> bytes: ...
    def mid(self, second: int, price: float) -> bytes: ...
