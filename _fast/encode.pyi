"""Order and cancel frames by splicing values into learned constant bytes."""

from collections.abc import Sequence
from typing import Final

SLOTS: Final[tuple[str, ...]]
"""Names of the slots, in the order of their numbers; ``nested`` and ``none`` come last."""

Step = tuple[bytes, str, bytes]
"""(constant bytes, slot behind them, protobuf tag of the slot or b"")."""

class OrderTemplate:
    def __init__(
        self, outer: Sequence[Step], inner: Sequence[Step] = ..., *, protobuf: bool = ...
    ) -> None:
        """Steps of the payload (message id included, length prefix not).

        Raises:
            ValueError: too many steps, a tag that is too long, or a slot that is unknown or stands
                twice.
        """

    def splice(
        self,
        order_id: int,
        action: str,
        quantity: str,
        limit_price: float | None,
        aux_price: float | None,
        oca_group: str,
        oca_type: int,
        order_ref: str,
        parent_id: int,
        transmit: bool,
        trail_percent: float | None = None,
        trail_stop_price: float | None = None,
    ) -> bytes:
        """The whole frame, with its length prefix. ``quantity`` is plain decimal text.

        Raises:
            ValueError: a text that is not printable ASCII or has more than 255 characters, an
                id outside 0..2147483646, or a price or percentage that is not finite (or is
                one that TWS reads as "unset").
        """

class CancelTemplate:
    def __init__(
        self, outer: Sequence[Step], inner: Sequence[Step] = ..., *, protobuf: bool = ...
    ) -> None: ...
    def splice(self, order_id: int) -> bytes:
        """The whole frame. Raises ValueError for an id outside 0..2147483646."""
