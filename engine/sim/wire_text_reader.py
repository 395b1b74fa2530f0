"""Reading the NUL-terminated text of a client's request, field by field."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from engine.errors import DecodeError
from engine.money import exact
from engine.records import frozen

_UNSET_TEXTS: Final = frozenset({"", "2147483647", "9223372036854775807"})
UNSET_DOUBLE: Final = 1.7976931348623157e308


@frozen
class ContractQuery:
    """A contract as a client describes it: any part may be empty or 0."""

    con_id: int = 0
    symbol: str = ""
    sec_type: str = ""
    exchange: str = ""
    primary_exchange: str = ""
    currency: str = ""
    local_symbol: str = ""

    @classmethod
    def from_protobuf(cls, proto: Any) -> ContractQuery:
        return cls(
            con_id=proto.conId,
            symbol=proto.symbol,
            sec_type=proto.secType,
            exchange=proto.exchange,
            primary_exchange=proto.primaryExch,
            currency=proto.currency,
            local_symbol=proto.localSymbol,
        )


def price_of(number: float) -> Decimal | None:
    """The exact price that a double of the wire means; None for the "unset" number.

    Raises:
        DecodeError: it is not a finite number.
    """
    if number == UNSET_DOUBLE:
        return None
    try:
        return exact(number)
    except ValueError as problem:
        raise DecodeError(f"a price: {problem}") from None


class TextReader:
    """The fields of one message, read from first to last.

    Raises:
        DecodeError: from every method, when the message ends too early or a field does not parse.
    """

    def __init__(self, payload: bytes) -> None:
        if payload and not payload.endswith(b"\0"):
            raise DecodeError("the last field is not terminated")
        self._fields = payload.decode("utf-8", "replace").split("\0")[:-1]
        self._next = 0

    def text(self) -> str:
        if self.ended:
            raise DecodeError(f"the message ends before field {self._next + 1}")
        self._next += 1
        return self._fields[self._next - 1]

    @property
    def ended(self) -> bool:
        return self._next >= len(self._fields)

    def optional(self) -> str:
        """The next field, empty if the message has ended."""
        return "" if self.ended else self.text()

    def skip(self, count: int) -> None:
        for _ in range(count):
            self.text()

    def integer(self) -> int:
        """Empty means 0, as TWS reads it. Of 32 bits: an id that is longer could not be told
        again in every format."""
        field = self.text()
        try:
            number = int(field or "0")
        except ValueError:
            raise DecodeError(f"field {self._next}: {field[:40]!r} is not an integer") from None
        if not -(1 << 31) <= number < 1 << 31:
            raise DecodeError(f"field {self._next}: {field[:40]} is beyond 32 bits")
        return number

    def flag(self) -> bool:
        """1 and 0; ``True`` and ``False`` are what some clients write."""
        field = self.text()
        if field in ("", "0", "False", "false"):
            return False
        if field in ("1", "True", "true"):
            return True
        raise DecodeError(f"field {self._next}: {field[:40]!r} is not 0 or 1")

    def decimal(self) -> Decimal | None:
        """None for each way to say "unset"."""
        field = self.text()
        if field in _UNSET_TEXTS:
            return None
        try:
            number = exact(field)
        except ValueError:
            raise DecodeError(f"field {self._next}: {field[:40]!r} is not a number") from None
        return None if number > Decimal("1e300") else number

    def count(self, maximum: int = 1000) -> int:
        """How often the group that follows repeats."""
        number = self.integer()
        if not 0 <= number <= maximum:
            raise DecodeError(f"field {self._next}: {number} repetitions")
        return number

    def number(self) -> float:
        """A double; empty means 0, and the "unset" number comes back as it is."""
        field = self.text()
        try:
            return float(field or "0")
        except ValueError:
            raise DecodeError(f"field {self._next}: {field[:40]!r} is not a number") from None

    def contract(self, primary: bool = True) -> ContractQuery:
        """The twelve fields, or eleven without the primary exchange."""
        con_id, symbol, sec_type = self.integer(), self.text(), self.text()
        self.skip(4)  # expiry, strike, right, multiplier
        exchange, first = self.text(), self.text() if primary else ""
        currency, local = self.text(), self.text()
        self.skip(1)  # trading class
        return ContractQuery(
            con_id=con_id,
            symbol=symbol,
            sec_type=sec_type,
            exchange=exchange,
            primary_exchange=first,
            currency=currency,
            local_symbol=local,
        )

    def short_contract(self) -> ContractQuery:
        """Seven fields: what identifies a stock."""
        con_id, words = self.integer(), [self.text() for _ in range(6)]
        symbol, sec_type, exchange, primary, currency, local = words
        return ContractQuery(
            con_id=con_id,
            symbol=symbol,
            sec_type=sec_type,
            exchange=exchange,
            primary_exchange=primary,
            currency=currency,
            local_symbol=local,
        )

    def skip_legs(self, contract: ContractQuery | None, width: int) -> None:
        """Legs are written only for a combination."""
        if contract is not None and contract.sec_type == "BAG":
            self.skip(self.count() * width)

    def skip_announced(self, width: int) -> None:
        """A group behind a flag, such as the delta neutral contract."""
        if self.flag():
            self.skip(width)
