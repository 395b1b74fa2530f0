"""Why a signal, a request or an order was refused: every reason there is, part of every report."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    # signals and rules
    UNKNOWN_SYMBOL = "unknown_symbol"
    DUPLICATE_SIGNAL = "duplicate_signal"
    NEUTRAL = "neutral"
    LOW_CONFIDENCE = "low_confidence"
    NO_RULE = "no_rule"  # no enabled rule is for this
    NOT_WARM = "not_warm"  # an indicator that it asks for has not had bars enough
    CONDITION = "condition"  # a condition of the rule, other than those below, does not hold
    OUTSIDE_WINDOW = "outside_window"
    WRONG_POSITION = "wrong_position"
    COOLDOWN = "cooldown"
    DAILY_LIMIT = "daily_limit"
    # what the symbol is doing
    SAME_SIDE = "same_side"
    OPPOSITE_IGNORED = "opposite_ignored"
    NOTHING_TO_CLOSE = "nothing_to_close"
    NOTHING_TO_CANCEL = "nothing_to_cancel"
    BUSY = "busy"  # a close or reversal of the symbol is under way
    FROZEN = "frozen"  # broker and executions disagree about the symbol
    NOT_LIVE = "not_live"
    TRADING_HALTED = "trading_halted"  # by the kill switch
    NOT_HALTED = "not_halted"
    SESSION_CLOSED = "session_closed"
    REVERSAL_TIMED_OUT = "reversal_timed_out"
    # adds
    NOT_HELD = "not_held"  # nothing is held to add to, or its exits have begun to trade
    ADD_PENDING = "add_pending"  # an earlier add may still fill
    ADDS_USED_UP = "adds_used_up"
    PROFIT_TOO_SMALL = "profit_too_small"
    TOO_MANY_PARTS = "too_many_parts"  # of one trade, each with a stop and a target of its own
    NO_ROOM = "no_room"  # at the broker, on the side of the contract that closes
    BEYOND_STOP = "beyond_stop"  # an add at or behind the stop
    # the market
    HALTED = "halted"
    DATA_NOT_LIVE = "data_not_live"
    NO_PRICE = "no_price"
    STALE_PRICE = "stale_price"
    # size, prices and limits
    NO_STOP = "no_stop"  # no distance gives a stop, or it lies on the wrong side
    NO_SIZE = "no_size"
    NO_EQUITY = "no_equity"  # a size by risk, and the broker has told no account value
    OFF_GRID = "off_grid"
    ORDER_TOO_LARGE = "order_too_large"
    NOTIONAL_TOO_LARGE = "notional_too_large"
    GROSS_TOO_LARGE = "gross_too_large"
    NET_TOO_LARGE = "net_too_large"
    GROUP_TOO_LARGE = "group_too_large"  # symbols that are limited together
    RISK_TOO_LARGE = "risk_too_large"  # what is lost at the stops if everything fills
    TOO_MANY_POSITIONS = "too_many_positions"
    TOO_MANY_ORDERS = "too_many_orders"
    TOO_MANY_ENTRIES = "too_many_entries"  # of a symbol, in the window of the throttle
    TOO_MANY_STOP_OUTS = "too_many_stop_outs"
    RESTRICTED = "restricted"
    NOT_SHORTABLE = "not_shortable"  # the broker has no shares to lend
    LEVERAGE_TOO_HIGH = "leverage_too_high"
    BUYING_POWER = "buying_power"
    ACCOUNT_UNKNOWN = "account_unknown"  # its values are too old, or were never told
    OUTSIDE_COLLAR = "outside_collar"
    WOULD_CROSS_ZERO = "would_cross_zero"
    DUPLICATE_REFERENCE = "duplicate_reference"
    UNKNOWN_REFERENCE = "unknown_reference"
    BROKER_REJECTED = "broker_rejected"
