"""Random sequences of requests and ticks under random policies: what must always hold."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.sim.policies import draw
from engine.sim.records import ExecutionNotice, TickNotice

SETTINGS = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
PRICES = st.integers(9_990, 10_010)
SIZES = st.sampled_from([1000, 100, 50, 7, 1, 0])
QUANTITIES = st.sampled_from([1, 10, 99, 100, 300])
STEPS = st.one_of(
    st.tuples(st.just("tick"), st.sampled_from("BAT"), PRICES, SIZES),
    st.tuples(st.just("tick"), st.sampled_from("BAT"), PRICES, SIZES),
    st.tuples(
        st.just("place"),
        st.sampled_from([0, 0, 0, 1, 2, 3]),  # a new order, or one of the latest again
        st.sampled_from(["BUY", "SELL"]),
        QUANTITIES,
        st.sampled_from(["MKT", "LMT", "STP", "STP LMT", "TRAIL"]),
        PRICES,
        st.sampled_from([0, 0, 1, 2]),  # no parent, or the one placed so many before
        st.sampled_from([("", 0), ("", 0), ("g", 1), ("h", 2), ("k", 3)]),
        st.sampled_from([True, True, True, False]),
    ),
    st.tuples(
        st.just("bracket"),
        st.sampled_from(["BUY", "SELL"]),
        QUANTITIES,
        st.sampled_from(["MKT", "LMT"]),
        st.sampled_from([("", 0), ("q", 1), ("r", 2), ("s", 3)]),
    ),
    st.tuples(st.just("cancel"), st.integers(1, 6)),
    st.tuples(st.just("wait"), st.sampled_from([0.001, 0.1, 1.0])),
)
GLOBAL = st.tuples(st.just("global"))
SCRIPTS = st.lists(st.one_of(STEPS, STEPS, STEPS, STEPS, GLOBAL), min_size=15, max_size=60)


def _prices(kind, cents):
    price = Decimal(cents) / 100
    return {
        "MKT": {},
        "LMT": {"limit_price": price},
        "STP": {"aux_price": price},
        "STP LMT": {"aux_price": price, "limit_price": price},
        "TRAIL": {"aux_price": Decimal("0.05")},
    }[kind]


def _opened(trial, seed):
    """An exchange with policies drawn by ``seed`` and a market to trade in."""
    t = type(trial())(draw(seed), trial().now_ns)
    t.quote(99.99, 100.01, 500)
    t.trade(100.0)
    return t


def _bracket(t, side, quantity, kind, group, oca):
    """Entry at the market, target and stop three cents away from it."""
    first, exit_side = t.exchange.next_order_id(1), "SELL" if side == "BUY" else "BUY"
    away = Decimal("0.03") if side == "BUY" else Decimal("-0.03")
    ties = {"oca_group": f"{group}{first}" if group else "", "oca_type": oca, "parent_id": first}
    entry = {"limit_price": Decimal(100)} if kind == "LMT" else {}
    said = t.place(first, side, quantity, kind, transmit=False, **entry)
    target = Decimal(100) + away
    said += t.place(
        first + 1, exit_side, quantity, "LMT", limit_price=target, transmit=False, **ties
    )
    return said + t.place(first + 2, exit_side, quantity, "STP", aux_price=100 - away, **ties)


def _step(t, step):
    match step:
        case ("tick", kind, cents, size):
            return t.tick(kind, cents / 100, size)
        case ("place", back, side, quantity, kind, cents, parent, (group, oca), transmit):
            order_id = t.exchange.next_order_id(1) - back
            return t.place(
                order_id,
                side,
                quantity,
                kind,
                parent_id=max(order_id - parent, 0) if parent else 0,
                oca_group=group,
                oca_type=oca,
                transmit=transmit,
                **_prices(kind, cents),
            )
        case ("bracket", side, quantity, kind, (group, oca)):
            return _bracket(t, side, quantity, kind, group, oca)
        case ("cancel", order_id):
            return t.cancel(max(t.exchange.next_order_id(1) - order_id, 1))
        case ("wait", seconds):
            return t.wait(seconds)
        case _:
            return t.hear(t.exchange.global_cancel())


@SETTINGS
@given(steps=SCRIPTS, seed=st.integers(0, 10_000))
def test_the_books_always_balance(trial, steps, seed):
    t = _opened(trial, seed)
    for step in steps:
        said = _step(t, step)
        if step[0] == "tick":
            assert sum(isinstance(n, TickNotice) for n in said) == 1
        t.check()
        _limits_respected(said, t)
        _display_respected(step, said, t)


@SETTINGS
@given(steps=SCRIPTS, seed=st.integers(0, 10_000))
def test_a_trailing_stop_never_loosens(trial, steps, seed):
    t = _opened(trial, seed)
    seen = {}
    for step in steps:
        _step(t, step)
        for order in t.exchange.open_orders():
            if order.order_type != "TRAIL" or order.trail_stop_price is None:
                continue
            before = seen.get(order.perm_id, order.trail_stop_price)
            if order.action == "SELL":
                assert order.trail_stop_price >= before
            else:
                assert order.trail_stop_price <= before
            seen[order.perm_id] = order.trail_stop_price


@SETTINGS
@given(steps=SCRIPTS, seed=st.integers(0, 10_000))
def test_the_oracle_counts_by_itself_what_was_uncovered(trial, steps, seed):
    """Uncovered share time, counted again from the open orders after each step."""
    t = _opened(trial, seed)
    expected = Decimal(0)
    for step in steps:
        before_ns, due_ns, shares = t.exchange.now_ns, t.exchange.next_timer_ns, _uncovered(t)
        _step(t, step)
        now_ns = t.exchange.now_ns
        if due_ns is not None and due_ns <= now_ns:
            return  # something delayed happened within the step: counted only by the oracle
        expected += shares * (now_ns - before_ns)
    found = t.exchange.oracle.report()["uncovered_share_seconds_exchange"]
    assert found == float(expected) / 1e9


def _uncovered(t):
    """Shares of IBM without protection, from nothing but what a client can list."""
    position = t.position()
    orders = {o.order_id: o for o in t.exchange.open_orders()}
    every = {o.order_id: o for o in t.exchange.completed_orders()} | orders
    groups, alone = {}, Decimal(0)
    for order in orders.values():
        opposite = "SELL" if position > 0 else "BUY"
        waiting = order.status == "PendingSubmit" or "child" in order.why_held
        untransmitted = order.status == "PendingCancel" and not order.transmit
        if order.order_type == "LMT" or order.action != opposite or waiting or untransmitted:
            continue
        size = order.remaining
        parent = orders.get(order.parent_id)
        if parent is not None and t.policies.child_activation == "on_partial_filled_size":
            used = sum(
                o.filled
                for o in every.values()
                if o.parent_id == order.parent_id and o.action == order.action
            )
            size = min(size, max(parent.filled - used, 0))
        if order.oca_group:
            groups[order.oca_group] = max(groups.get(order.oca_group, 0), size)
        else:
            alone += size
    return max(abs(position) - alone - sum(groups.values()), 0) if position else 0


def _limits_respected(said, t):
    """No fill beyond the limit of its order."""
    for notice in said:
        if not isinstance(notice, ExecutionNotice):
            continue
        one = notice.execution
        order = t.last(one.order_id)
        if order.order_type in ("LMT", "STP LMT"):
            limit = order.limit_price
            assert one.price <= limit if one.side == "BUY" else one.price >= limit


def _display_respected(step, said, t):
    """What a quote shows is sold once: our market orders get no more than its size."""
    if step[0] != "tick" or step[1] == "T":
        return
    side = "SELL" if step[1] == "B" else "BUY"
    taken = sum(
        n.execution.quantity
        for n in said
        if isinstance(n, ExecutionNotice)
        and n.execution.side == side
        and n.execution.price == Decimal(repr(step[2] / 100))
        and t.last(n.execution.order_id).order_type in ("MKT", "STP", "TRAIL")
    )
    assert taken <= step[3]
