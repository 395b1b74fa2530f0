from collections.abc import Iterable
from decimal import Decimal

_Part = int | float | str | Decimal | bool | bytes | list[bytes] | None

def text(value: int | float | str | Decimal | bool | None) -> str:
    """One value as TWS writes it: decimals without exponent, booleans as 1 and 0, None empty."""

class Body:
    """Certain fields of one message of protobuf: the number of each, its type as the library
    numbers types, and the place of its value among ``width`` values, or another Body: a message
    of some of the same values, which is absent if none of them is there. They are written in the
    order in which they are given.

    Raises:
        ValueError: a type that is not written here, or a place beyond the values.
    """

    def __init__(self, fields: tuple[tuple[int, int, int | Body], ...], width: int) -> None: ...
    def of(self, values: tuple[_Part, ...]) -> bytes:
        """The message with these values. None and empty text are absent; bytes, of a text or of
        a message, are there as they are, and a list of them once for each.

        Raises:
            ValueError: not so many values, or a number that is too large.
            TypeError: a value that the field cannot have.
        """
    def frame(self, number: int, values: tuple[_Part, ...]) -> bytes:
        """The message behind its length and its ``number``, as it goes over the wire. Raises as
        ``of`` does."""
    def frames(
        self,
        number: int,
        head: tuple[_Part, ...],
        rows: Iterable[tuple[_Part, ...]],
        tail: tuple[_Part, ...],
    ) -> list[bytes]:
        """One for each row of values, between those that are the same in all."""
