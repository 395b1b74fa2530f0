from typing import Any, Final

MIN_SERVER_VERSION: Final[int]

class DecodeError(ValueError):
    """A message whose fields cannot be read."""

def decode(payload: bytes, server_version: int) -> tuple[Any, ...]:
    """One payload (a frame without its length) as a tuple, whatever it is.

    Market data: ``("tick", request id, kind, price, size, price2, size2, time_ns, mask)`` with the
    kinds of ``_fast.ticks.KINDS`` and NaN for absent numbers, or ``("bar", request id, time_ns,
    open, high, low, close, volume, wap, count)``. Orders, executions, positions and errors: the
    tuples listed in orders.pxd, their message id first. Anything else:
    ``("cold", message id, is protobuf, body)``.

    Raises:
        DecodeError: a field is missing or cannot be read. Further fields are no error.
        ValueError: ``server_version`` is below MIN_SERVER_VERSION.
    """

def parse_double(text: bytes) -> float:
    """The double of a text field, NaN for "absent"; equals ``float(text)`` for every decimal.

    Raises:
        DecodeError: it is not a decimal, or longer than 1024 bytes.
    """
