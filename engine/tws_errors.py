"""What TWS's message codes mean, as one table.

The default is UNKNOWN: ask what is true. Never is an unlisted code the end of an order: client
libraries that concluded so marked live orders cancelled, and their users sent them again.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Final


class ErrorClass(Enum):
    """What a code says, and what follows from it."""

    ORDER_REJECTED = auto()  # this request was refused; if it was an amendment, the order may live
    ORDER_CANCELLED = auto()  # by us, by IB, by expiry or by its OCA group; may still fill late
    AMEND_REFUSED = auto()  # the order as it was stays until read back
    CANCEL_REFUSED = auto()  # nothing to cancel, or too late: ask for executions
    ORDER_INFO = auto()  # the order lives; somebody should know
    PRICE_REFUSED = auto()  # off the price grid: a new order is dead, an amended one is not
    DATA = auto()  # market data only; never an order event
    HISTORY = auto()  # historical data only
    LINK = auto()  # the way to the broker, or the socket
    FARM = auto()  # one data farm
    FATAL_CLIENT = auto()  # the client id is in use: try the same one again later
    UNKNOWN = auto()  # ask


_CODES: Final[dict[ErrorClass, tuple[int, ...]]] = {
    # 201 is also what children get whose parent is being cancelled; 109, 163, 164, 382, 383 and
    # 451 are the user's precautionary limits; 10326, 10327 are refused OCA revisions, which
    # some servers answer by cancelling the order itself: only its status tells.
    ErrorClass.ORDER_REJECTED: (
        *(109, 163, 164, 200, 201, 203, 321, 382, 383, 388, 389, 451, 460),
        *(10224, 10242, 10243, 10268, 10289),
    ),
    ErrorClass.ORDER_CANCELLED: (202,),
    # 103: the id was used before, or the amendment overtook the acknowledgement. 104: it has
    # filled, the execution is on its way. 2102: still being processed.
    ErrorClass.AMEND_REFUSED: (103, 104, 105, 106, 107, 329, 2102, 10326, 10327, 10341),
    # 10147 right after a successful cancel is common; 10148 names the state that won. 135 also
    # refuses the amendment of a child whose parent is gone.
    ErrorClass.CANCEL_REFUSED: (135, 136, 161, 10147, 10148),
    ErrorClass.ORDER_INFO: (399, 404, 434, 2109, 2161, 10329, 10349),
    ErrorClass.PRICE_REFUSED: (110,),
    # 100 is the message rate: TWS may have dropped anything, the pacing of ours was wrong.
    ErrorClass.DATA: (
        *(101, 300, 354, 10089, 10090, 10167, 10168, 10182, 10186, 10189, 10190, 10197),
        *(316, 317, 322, 420),
    ),
    ErrorClass.HISTORY: (162, 165, 166, 366, 2174, 10187, 10314),
    # 2110 has no closing code of its own.
    ErrorClass.LINK: (
        *(1100, 1101, 1102, 1300, 2110),
        *(501, 502, 503, 504, 507, 509, 10054),
    ),
    ErrorClass.FARM: (2103, 2104, 2105, 2106, 2107, 2108, 2119, 2157, 2158),
    ErrorClass.FATAL_CLIENT: (326,),
}

_CLASS_OF: Final[dict[int, ErrorClass]] = {
    code: found for found, codes in _CODES.items() for code in codes
}
assert len(_CLASS_OF) == sum(map(len, _CODES.values())), "a code stands in two classes"

UPSTREAM_LOST: Final = frozenset({1100, 2110})
UPSTREAM_RESTORED: Final = frozenset({1101, 1102})  # 1101: subscriptions are gone
DATA_LOST: Final = 1101
FARM_BROKEN: Final = frozenset({2103, 2105, 2157})
FARM_OK: Final = frozenset({2104, 2106, 2158})  # 2119: on the way
FARM_IDLE: Final = frozenset({2107, 2108})  # until somebody asks it for something


def classify(code: int) -> ErrorClass:
    """The class of a TWS message code; UNKNOWN for every code that is not listed."""
    return _CLASS_OF.get(code, ErrorClass.UNKNOWN)
