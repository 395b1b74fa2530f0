"""Requests to TWS as frames of bytes.

``ibapi``'s own client encodes them into a connection that only captures; so they are exact by
construction, at every server version and with every installed build. Orders and cancels, which
are in a hurry, are spliced into templates learned from those bytes (40 to 100 times faster).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from functools import cached_property
from typing import Any, Final

from _fast.encode import CancelTemplate, OrderTemplate
from engine.broker import library
from engine.broker.templates import Layout, OrderValues, TemplateError, learn_cancel, learn_order
from engine.commands import OrderSpec
from engine.errors import UserError
from engine.inputs import ACCOUNT_KEYS, Instrument
from engine.money import wire_price

RAW_MESSAGE_IDS: Final = 201  # from here every frame begins with four bytes of message id
PROTOBUF_ORDERS: Final = 203  # server version from which placeOrder and cancelOrder are protobuf
SHORTABLE_TICKS: Final = "236"  # generic: whether shares can be borrowed
MILLISECOND_TIME: Final = 197  # server version that knows reqCurrentTimeInMillis
TEMPLATES_MAX: Final = 4096  # (instrument, account, type, tif, hours) combinations kept
# Entries and closes at the market; entries at a limit or stop, for the day or longer; protective
# stops, fixed and trailing; targets.
HURRIED: Final = (
    ("MKT", "DAY"),
    ("STP", "GTC"),
    ("LMT", "GTC"),
    ("LMT", "DAY"),
    ("STP", "DAY"),
    ("TRAIL", "GTC"),
)
HISTORY_DATE_EPOCH: Final = 2  # formatDate: seconds since 1970 instead of a zone's text

_Template = OrderTemplate | None
# What this process has learned: every connection of the same version would find the same.
_LEARNED: Final[dict[tuple[Any, ...], OrderTemplate]] = {}


class _Capture:
    """Looks like ibapi's connection, and keeps the one frame written to it."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []

    def isConnected(self) -> bool:  # noqa: N802  (ibapi's name)
        return True

    def sendMsg(self, frame: bytes) -> int:  # noqa: N802
        self.frames.append(frame)
        return len(frame)


class _Complaints:
    """Looks like ibapi's wrapper where the client reports what it will not send."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def error(self, *fields: object) -> None:
        self.texts.append(" ".join(str(field) for field in fields[1:]))


class Requests:
    """Frames for one connection; the negotiated ``server_version`` decides their format.

    Every method returns a whole frame with its length prefix.

    Raises:
        UserError: ibapi refuses to send what was asked, with its reason.
    """

    def __init__(self, server_version: int) -> None:
        self.server_version = server_version
        self.fallbacks: Counter[str] = Counter()  # reason -> templates that could not be learned
        self._ibapi = library.load()
        self._capture = _Capture()
        self._complaints = _Complaints()
        self._client = self._ibapi.client.EClient(self._complaints)
        self._client.serverVersion_ = server_version
        self._client.conn = self._capture
        self._client.setConnState(self._client.CONNECTED)
        self._orders: dict[tuple[int, str, str, str, str, str, bool], _Template] = {}
        self._cancels: CancelTemplate | None = None
        self._cancels_learned = False

    # -- orders ------------------------------------------------------------------------------

    def place(self, order_id: int, instrument: Instrument, spec: OrderSpec) -> bytes:
        """A new order, or the same id again with a changed spec.

        Raises:
            ValueError: a text, id or price of ``spec`` cannot stand on the wire.
        """
        values = (
            order_id,
            spec.action,
            plain(spec.quantity),
            None if spec.limit_price is None else wire_price(spec.limit_price),
            None if spec.aux_price is None else wire_price(spec.aux_price),
            spec.oca_group,
            spec.oca_type,
            spec.order_ref,
            spec.parent_id,
            spec.transmit,
            None if spec.trail_percent is None else wire_price(spec.trail_percent),
            None if spec.trail_stop_price is None else wire_price(spec.trail_stop_price),
        )
        template = self._order_template(instrument, spec)
        if template is None:
            return self._reference_order(OrderValues(*values), instrument, spec)
        return template.splice(*values)

    def prepare(
        self, instrument: Instrument, account: str, outside_rth: bool, order_type: str, tif: str
    ) -> None:
        """Learn a template before an order is in a hurry (1 to 2 ms). Only the kind of order
        matters here."""
        spec = OrderSpec(
            action="BUY",
            quantity=Decimal(1),
            order_type=order_type,
            limit_price=Decimal(1) if order_type == "LMT" else None,
            aux_price=Decimal(1) if order_type in ("STP", "TRAIL") else None,
            tif=tif,
            outside_rth=outside_rth and order_type != "MKT",
            account=account,
            order_ref="prepared",
        )
        self._order_template(instrument, spec)

    def cancel(self, order_id: int) -> bytes:
        if not self._cancels_learned:
            self._cancels_learned = True
            try:
                self._cancels = learn_cancel(self._reference_cancel, _layout(self.server_version))
            except TemplateError as problem:
                self.fallbacks[f"cancel: {problem}"] += 1
        if self._cancels is None:
            return self._reference_cancel(order_id)
        return self._cancels.splice(order_id)

    def _order_template(self, instrument: Instrument, spec: OrderSpec) -> _Template:
        # Not the whole instrument: hashing its grid and sessions costs more than the splice.
        key = (
            instrument.con_id,
            instrument.symbol,
            instrument.exchange,
            spec.account,
            spec.order_type,
            spec.tif,
            spec.outside_rth,
        )
        try:
            return self._orders[key]
        except KeyError:
            pass
        if len(self._orders) >= TEMPLATES_MAX:
            self._orders.clear()
        self._orders[key] = template = self._learned(instrument, spec, key)
        return template

    def _learned(self, instrument: Instrument, spec: OrderSpec, key: tuple[Any, ...]) -> _Template:
        whole = (
            self.server_version,
            *key,
            instrument.sec_type,
            instrument.primary_exchange,
            instrument.currency,
            instrument.local_symbol,
            instrument.trading_class,
        )
        template = _LEARNED.get(whole)
        if template is not None:
            return template
        if len(_LEARNED) >= TEMPLATES_MAX:
            _LEARNED.clear()
        try:
            template = _LEARNED[whole] = learn_order(
                lambda values: self._reference_order(values, instrument, spec),
                _layout(self.server_version),
            )
        except TemplateError as problem:
            self.fallbacks[f"order: {problem}"] += 1
        return template

    def _reference_order(
        self, values: OrderValues, instrument: Instrument, spec: OrderSpec
    ) -> bytes:
        order = self._ibapi.order.Order()
        order.orderType, order.tif = spec.order_type, spec.tif
        order.outsideRth, order.account = spec.outside_rth, spec.account
        order.action = values.action
        # As text: str() of a small Decimal has an exponent, which no TWS is known to read.
        order.totalQuantity = values.quantity
        if values.limit_price is not None:
            order.lmtPrice = values.limit_price
        if values.aux_price is not None:
            order.auxPrice = values.aux_price
        order.ocaGroup, order.ocaType = values.oca_group, values.oca_type
        order.orderRef, order.parentId = values.order_ref, values.parent_id
        order.transmit = values.transmit
        if values.trail_percent is not None:
            order.trailingPercent = values.trail_percent
        if values.trail_stop_price is not None:
            order.trailStopPrice = values.trail_stop_price
        contract = self._contract(instrument)
        return self._frame(lambda c: c.placeOrder(values.order_id, contract, order))

    def _reference_cancel(self, order_id: int) -> bytes:
        nothing_more = self._ibapi.order_cancel.OrderCancel()
        return self._frame(lambda client: client.cancelOrder(order_id, nothing_more))

    # -- questions ---------------------------------------------------------------------------

    def start_api(self, client_id: int) -> bytes:
        self._client.clientId = client_id
        return self._frame(lambda client: client.startApi())

    def open_orders(self) -> bytes:
        return self._frame(lambda client: client.reqOpenOrders())

    def all_open_orders(self) -> bytes:
        return self._frame(lambda client: client.reqAllOpenOrders())

    def executions(self, request_id: int) -> bytes:
        everything = self._ibapi.execution.ExecutionFilter()
        return self._frame(lambda client: client.reqExecutions(request_id, everything))

    def completed_orders(self) -> bytes:
        return self._frame(lambda client: client.reqCompletedOrders(False))

    def positions(self) -> bytes:
        return self._frame(lambda client: client.reqPositions())

    def account_updates(self, subscribe: bool, account: str) -> bytes:
        return self._frame(lambda client: client.reqAccountUpdates(subscribe, account))

    def account_summary(self, request_id: int) -> bytes:
        """Asks for the values that are judged by, of all accounts of the login."""
        tags = ",".join(sorted(ACCOUNT_KEYS))
        return self._frame(lambda client: client.reqAccountSummary(request_id, "All", tags))

    def cancel_account_summary(self, request_id: int) -> bytes:
        return self._frame(lambda client: client.cancelAccountSummary(request_id))

    def contract_details(self, request_id: int, symbol: str) -> bytes:
        """Asks for the US dollar stock ``symbol`` on SMART."""
        stock = self._contract(Instrument(symbol, 0))
        return self._frame(lambda client: client.reqContractDetails(request_id, stock))

    def market_rule(self, rule_id: int) -> bytes:
        return self._frame(lambda client: client.reqMarketRule(rule_id))

    @cached_property
    def current_time(self) -> bytes:
        """In milliseconds where the server knows that (answer 109), else seconds (answer 49)."""
        if self.server_version >= MILLISECOND_TIME and hasattr(
            self._client, "reqCurrentTimeInMillis"
        ):
            return self._frame(lambda client: client.reqCurrentTimeInMillis())
        return self._frame(lambda client: client.reqCurrentTime())

    # -- market data -------------------------------------------------------------------------

    def market_data(self, request_id: int, instrument: Instrument) -> bytes:
        contract = self._contract(instrument)
        more = SHORTABLE_TICKS if instrument.sec_type == "STK" else ""
        return self._frame(lambda c: c.reqMktData(request_id, contract, more, False, False, []))

    def cancel_market_data(self, request_id: int) -> bytes:
        return self._frame(lambda client: client.cancelMktData(request_id))

    def cancel_tick_by_tick(self, request_id: int) -> bytes:
        return self._frame(lambda client: client.cancelTickByTickData(request_id))

    def market_data_type(self, kind: int) -> bytes:
        """1 live, 2 frozen, 3 delayed, 4 delayed and frozen."""
        return self._frame(lambda client: client.reqMarketDataType(kind))

    def tick_by_tick(self, request_id: int, instrument: Instrument) -> bytes:
        contract = self._contract(instrument)
        return self._frame(lambda c: c.reqTickByTickData(request_id, contract, "AllLast", 0, False))

    def historical_bars(
        self,
        request_id: int,
        instrument: Instrument,
        duration: str,
        bar_size: str,
        end: str = "",
        outside_rth: bool = False,
    ) -> bytes:
        """Trade bars up to ``end`` (empty: now), dated in seconds since 1970."""
        contract = self._contract(instrument)
        return self._frame(
            lambda client: client.reqHistoricalData(
                request_id,
                contract,
                end,
                duration,
                bar_size,
                "TRADES",
                int(not outside_rth),
                HISTORY_DATE_EPOCH,
                False,
                [],
            )
        )

    # -- encoding ----------------------------------------------------------------------------

    def _contract(self, instrument: Instrument) -> Any:
        contract = self._ibapi.contract.Contract()
        contract.conId = instrument.con_id
        contract.symbol = instrument.symbol
        contract.secType = instrument.sec_type
        contract.exchange = instrument.exchange
        contract.primaryExchange = instrument.primary_exchange
        contract.currency = instrument.currency
        contract.localSymbol = instrument.local_symbol
        contract.tradingClass = instrument.trading_class
        return contract

    def _frame(self, ask: Callable[[Any], None]) -> bytes:
        self._capture.frames.clear()
        self._complaints.texts.clear()
        ask(self._client)
        if len(self._capture.frames) != 1:
            reason = "; ".join(self._complaints.texts) or f"{len(self._capture.frames)} frames"
            raise UserError(
                f"ibapi does not send this at server version {self.server_version}: {reason}"
            )
        return self._capture.frames[0]


def _layout(server_version: int) -> Layout:
    if server_version >= PROTOBUF_ORDERS:
        return "protobuf"
    return "raw id text" if server_version >= RAW_MESSAGE_IDS else "text"


def plain(quantity: Decimal) -> str:
    """The digits of ``quantity`` without an exponent."""
    return format(quantity, "f")
