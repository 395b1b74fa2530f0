"""Answers about orders: placing, cancelling, and what is known of open and past ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import attrs

from engine.errors import DecodeError
from engine.inputs import Instrument, Side
from engine.sim import instruments
from engine.sim.answers import NO_DEFINITION, Answer, invalid
from engine.sim.audience import BINDING_CLIENT
from engine.sim.client import Client
from engine.sim.conditions import TIME, Condition
from engine.sim.desk import Desk
from engine.sim.records import SimExecution, SimOrder
from engine.sim.wire_messages import (
    COMPLETED_ORDERS_END,
    EXECUTIONS_END,
    NEXT_VALID_ID,
    OPEN_ORDERS_END,
)
from engine.sim.wire_orders import OrderTerms
from engine.sim.wire_requests import CANCEL_TIME, Request
from engine.sim.wire_time import parse_time, zoned

INVALID_TIME: Final = 343
OWN_ORDERS: Final = 5
UNSET_ID: Final = (1 << 31) - 1  # stands for none, and no id could follow it
_SIDES: Final[Mapping[str, Side]] = {"BUY": "BUY", "SELL": "SELL"}
_EXECUTION_SIDES: Final[Mapping[str, tuple[str, ...]]] = {
    "BUY": ("BUY", "BOT"),
    "SELL": ("SELL", "SLD", "SSHORT"),
}


def _next_ids(desk: Desk, client: Client, request: Request) -> None:
    client.send(NEXT_VALID_ID, desk.exchange.next_order_id(client.number))


def _place(desk: Desk, client: Client, request: Request) -> None:
    terms = request.order
    assert terms is not None
    if terms.order_id == UNSET_ID:
        desk.error(client, terms.order_id, *invalid("Invalid order id"))
        return
    instrument = desk.find(terms.contract)
    if instrument is None:
        desk.error(client, terms.order_id, *NO_DEFINITION)
        return
    action = _SIDES.get(terms.action)
    if action is None:
        desk.error(client, terms.order_id, *invalid(f"Invalid side '{terms.action}'"))
        return
    if terms.unserved:
        names = ", ".join(terms.unserved)
        cause = f"The simulator does not serve the order attribute: {names}"
        desk.error(client, terms.order_id, *invalid(cause))
        return
    try:
        order = _order(client, terms, instrument, action)
    except DecodeError as problem:
        desk.error(client, terms.order_id, INVALID_TIME, str(problem))
        return
    act = desk.exchange.what_if if terms.what_if else desk.exchange.place
    desk.publish(act(client.number, order))


def _order(client: Client, terms: OrderTerms, instrument: Instrument, action: Side) -> SimOrder:
    """The order that ``terms`` describe. Raises DecodeError for a time that cannot be read."""
    zone = instrument.time_zone
    return SimOrder(
        order_id=terms.order_id,
        client_id=client.number,
        perm_id=0,  # the exchange numbers it
        instrument=instrument,
        account=terms.account,
        action=action,
        quantity=terms.quantity,
        order_type=terms.order_type,
        limit_price=terms.limit_price,
        aux_price=terms.aux_price,
        trailing_percent=terms.trailing_percent,
        trail_stop_price=terms.trail_stop_price,
        limit_offset=terms.limit_offset,
        tif=terms.tif,
        good_till_ns=parse_time(terms.good_till, zone, end=True) if terms.tif == "GTD" else None,
        good_after_ns=parse_time(terms.good_after, zone),
        outside_rth=terms.outside_rth,
        conditions=_dated(terms.conditions, zone) if terms.conditions else (),
        conditions_cancel=terms.conditions_cancel,
        conditions_ignore_rth=terms.conditions_ignore_rth,
        oca_group=terms.oca_group,
        oca_type=terms.oca_type,
        parent_id=terms.parent_id,
        order_ref=terms.order_ref,
        transmit=terms.transmit,
    )


def _dated(conditions: tuple[Condition, ...], zone: str) -> tuple[Condition, ...]:
    return tuple(
        attrs.evolve(one, time_ns=parse_time(one.text, zone) or 0) if one.kind == TIME else one
        for one in conditions
    )


def _cancel(desk: Desk, client: Client, request: Request) -> None:
    """The time of a cancel by hand is a record for the regulator: it must be one, no more."""
    try:
        parse_time(request.word(CANCEL_TIME), instruments.ZONE_NAME)
    except DecodeError as problem:
        desk.error(client, request.request_id, INVALID_TIME, str(problem))
        return
    desk.publish(desk.exchange.cancel(client.number, request.request_id))


def _global_cancel(desk: Desk, client: Client, request: Request) -> None:
    desk.publish(desk.exchange.global_cancel())


def _open_orders(desk: Desk, client: Client, request: Request) -> None:
    """The client's own orders or everybody's, each with its status. Client 0 takes what the user
    of TWS has entered for its own when it asks for these."""
    owner = client.number if request.id == OWN_ORDERS else None
    for order in desk.exchange.open_orders(owner):
        if desk.distortion.hides(order):
            continue
        if request.id == OWN_ORDERS and client.number == BINDING_CLIENT:
            desk.audience.bind(client, order)
        desk.tell_order(client, order)
    client.send(OPEN_ORDERS_END)


def _auto_open_orders(desk: Desk, client: Client, request: Request) -> None:
    """Orders that the user of TWS enters from now on become those of client 0, or no more."""
    if client.number != BINDING_CLIENT:
        cause = "Only the default client (i.e 0) can auto bind orders."
        desk.error(client, -1, *invalid(cause))
        return
    client.binds = request.flag("autoBind")


def _completed_orders(desk: Desk, client: Client, request: Request) -> None:
    """Those of today, or of them those alone that clients have placed."""
    api_only = request.flag("apiOnly")
    for order, ended_ns in desk.exchange.ended(_midnight_ns(desk)):
        if api_only and order.order_id < 0:
            continue
        outcome = f"Filled Size: {order.filled}" if order.status == "Filled" else "Cancelled"
        time = zoned(ended_ns, instruments.ZONE_NAME)
        client.put(client.encoder.completed_order(order, time, outcome))
    client.send(COMPLETED_ORDERS_END)


def _executions(desk: Desk, client: Client, request: Request) -> None:
    """Executions of today that pass the filter, each followed by its commission."""
    try:
        since_ns = parse_time(request.word("time"), instruments.ZONE_NAME)
    except DecodeError as problem:
        desk.error(client, request.request_id, *invalid(str(problem)))
        return
    since_ns, passes = max(_midnight_ns(desk), since_ns or 0), _filter(request)
    encoder, request_id = client.encoder, request.request_id
    frames: list[bytes] = []
    for execution in desk.exchange.executions_since(since_ns):
        if passes(execution):
            shown = desk.audience.execution(client, desk.distortion.execution(execution))
            frames.append(encoder.execution(request_id, shown))
            report = desk.exchange.commission(execution.execution_id)
            if report is not None:
                frames.append(desk.commission(client, report))
    client.put_all(frames)
    client.send(EXECUTIONS_END, request_id)


def _midnight_ns(desk: Desk) -> int:
    return instruments.midnight_ns(instruments.local_time(desk.now_ns).date())


def _filter(request: Request) -> Callable[[SimExecution], bool]:
    """An empty part of it matches all; client id 0 is what clients send for "any"."""
    client_id, account = request.number("clientId"), request.word("acctCode")
    symbol, sec_type = request.word("symbol"), request.word("secType")
    exchange, side = request.word("exchange"), request.word("side").upper()

    def passes(execution: SimExecution) -> bool:
        instrument = execution.instrument
        return (
            client_id in (0, execution.client_id)
            and account in ("", execution.account)
            and symbol in ("", instrument.symbol)
            and sec_type in ("", instrument.sec_type)
            and exchange in ("", "SMART", execution.exchange)
            and (not side or side in _EXECUTION_SIDES[execution.side])
        )

    return passes


ANSWERS: Final[Mapping[int, Answer]] = {
    3: _place,
    4: _cancel,
    5: _open_orders,
    7: _executions,
    8: _next_ids,
    15: _auto_open_orders,
    16: _open_orders,
    58: _global_cancel,
    99: _completed_orders,
}
