"""The words of every lifecycle, as integers.

The members are the ABI between the charts (which name states and events after them, in lower
case), the lowered tables (which index by them), the compiled stepper and the core. Appending a
member is compatible; reordering is not, because journals store the numbers' names, and tables
are built by name.

Two rules hold throughout. Events are past tense ("it happened") or imperative ("we ask").
Decisions on data (was the fill partial? does it complete the order?) are made when the event is
named, so the charts stay pure topology.
"""

from enum import IntEnum


class OrderAsk(IntEnum):
    """What we have asked of the broker about one order."""

    DRAFT = 0  # an intent; no byte has left
    PLACED = 1  # placeOrder left, nothing else is pending
    AMENDING = 2  # a changed placeOrder left and is not confirmed
    CANCELLING = 3  # cancelOrder left
    RESTED = 4  # nothing more will be asked


class OrderReport(IntEnum):
    """What the broker says about one order."""

    SILENT = 0  # nothing heard yet
    PENDING = 1  # seen, not yet accepted (PendingSubmit, ApiPending)
    HELD = 2  # PreSubmitted: held by IB, or a child waiting for its parent, or an unelected stop
    WORKING = 3  # Submitted
    PART_FILLED = 4  # executions exist, some quantity remains
    CANCEL_PENDING = 5  # PendingCancel: may still fill
    INACTIVE = 6  # refused by risk, locate hold, exchange closed: may come back
    UNKNOWN = 7  # no answer, or the link died under it: neither dead nor alive
    FILLED = 8
    CANCELLED = 9
    REJECTED = 10
    ABSENT = 11  # proven never to have reached the broker
    CLOSED = 12  # dead, and its grace for late fills is over


class OrderEvent(IntEnum):
    # asks
    PLACE = 0
    AMEND = 1
    CANCEL = 2
    # reports
    PENDED = 3
    HELD_BACK = 4
    WENT_WORKING = 5
    FILLED_PART = 6
    FILLED_FULL = 7
    CANCEL_PENDED = 8
    INACTIVATED = 9
    CANCELLED = 10
    REJECTED = 11
    AMEND_CONFIRMED = 12
    AMEND_REFUSED = 13
    CANCEL_REFUSED = 14
    ANSWER_OVERDUE = 15
    LINK_LOST = 16
    PROVEN_ABSENT = 17
    GRACE_ENDED = 18


class Milestone(IntEnum):
    """What siblings and the context need to know of an order, and nothing more."""

    PREPARED = 0
    ASKED = 1
    WORKING = 2
    PART_FILLED = 3
    FILLED = 4
    DEAD = 5
    UNKNOWN = 6


class ContextState(IntEnum):
    FLAT = 0
    ENTERING = 1
    PROTECTED = 2
    ADDING = 3
    REVERSING = 4
    CLOSING = 5
    CONCLUDING = 6
    FROZEN = 7


class ContextEvent(IntEnum):
    ENTRY_REQUESTED = 0
    ENTRY_PART_FILLED = 1
    ENTRY_FILLED = 2
    ENTRY_DIED = 3  # rejected, cancelled or expired with nothing filled
    ADD_REQUESTED = 4
    ADD_PART_FILLED = 5
    ADD_FILLED = 6
    ADD_DIED = 7
    EXIT_PART_FILLED = 8
    WENT_FLAT = 9  # executions say zero; orders may still be able to fill
    CAME_TO_REST = 10  # zero held and nothing may fill any more
    CLOSE_REQUESTED = 11
    REVERSE_REQUESTED = 12
    SIDE_FLIPPED = 13  # both exits filled, or a late fill: the excess must go at once
    LATE_FILLED = 14  # shares arrived after the context had ended or was ending
    TRUTH_LOST = 15  # broker and executions disagree
    TRUTH_REGAINED = 16  # reconciled


class BracketState(IntEnum):
    DRAFT = 0
    SENDING = 1
    ENTRY_LIVE = 2
    PART_OPEN = 3
    OPEN = 4
    EXITING = 5
    DONE = 6
    FAILED = 7


class BracketEvent(IntEnum):
    SEND = 0
    PARENT_WORKING = 1
    PARENT_PART_FILLED = 2
    PARENT_FILLED = 3
    PARENT_DIED = 4
    PARENT_DIED_PART_FILLED = 5
    EXIT_FILLED = 6
    CANCEL = 7
    SETTLED = 8  # nothing held through this bracket and no leg may fill


class OcoState(IntEnum):
    DRAFT = 0
    SENDING = 1
    LIVE = 2
    PART_FILLED = 3
    ONE_FILLED = 4
    DONE = 5
    OVERFILLED = 6
    FAILED = 7


class OcoEvent(IntEnum):
    SEND = 0
    LEGS_WORKING = 1
    LEG_PART_FILLED = 2
    LEG_FILLED = 3
    OTHER_LEG_FILLED = 4  # too much together: the race that "with block" is meant to prevent
    ALL_DIED = 5
    SETTLED = 6


class SessionState(IntEnum):
    IDLE = 0
    CONNECTING = 1
    HANDSHAKING = 2
    SYNCING = 3
    LIVE = 4
    DEGRADED = 5
    LOST = 6
    STOPPED = 7


class SessionEvent(IntEnum):
    START = 0
    SOCKET_OPENED = 1
    CONNECT_FAILED = 2
    HANDSHAKE_DONE = 3  # version agreed, next id and accounts known
    HANDSHAKE_FAILED = 4
    SYNCED = 5  # every snapshot ended in this epoch and was reconciled
    SYNC_OVERDUE = 6
    UPSTREAM_LOST = 7  # 1100, 2110
    UPSTREAM_RESTORED = 8  # 1101, 1102: always followed by a new sync
    HEARTBEAT_MISSED = 9
    SOCKET_CLOSED = 10
    RETRY = 11
    STOP = 12
