"""The exchange and its clients as the answers to requests see them, and the routing of notices.

An order, its executions and errors go to the client that placed it; market data to whoever has
subscribed; positions and account values to whoever asked to be kept informed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

import attrs

from engine.inputs import Instrument
from engine.money import ZERO
from engine.sim import instruments
from engine.sim.audience import Audience
from engine.sim.book import Quote
from engine.sim.client import Client, Profit, ProfitFeed, ValueFeed
from engine.sim.exchange import Exchange
from engine.sim.interference import Distortion
from engine.sim.order_types import TIMES, TYPES
from engine.sim.records import (
    CommissionNotice,
    ErrorNotice,
    ExecutionNotice,
    HaltNotice,
    Notice,
    OrderNotice,
    PositionNotice,
    SimOrder,
    TickNotice,
    WhatIfNotice,
)
from engine.sim.streams import BarStream, QuoteStream, TimedStream
from engine.sim.wire_messages import (
    ACCOUNT_MULTI,
    ACCOUNT_SUMMARY,
    ACCOUNT_TIME,
    ACCOUNT_VALUE,
    NEWS_BULLETIN,
    ORDER_STATUS,
    PNL,
    PNL_SINGLE,
    Holding,
    Listing,
    Value,
    order_status_values,
)
from engine.sim.wire_text_reader import ContractQuery
from engine.sim.wire_time import SECOND_NS, clock

VALUES_EVERY_NS: Final = 180 * SECOND_NS  # TWS repeats changed account values every three minutes
PROFITS_EVERY_NS: Final = SECOND_NS
REGULAR: Final = 1  # kind of a bulletin
DETAILS_DAYS: Final = 6  # of trading hours, from today
# As TWS lists them: types without spaces, times in force and attributes, in one alphabetical row.
_ORDER_TYPES: Final = ",".join(
    sorted({name.replace(" ", "") for name in TYPES} | set(TIMES) | {"COND", "OCA", "WHATIF"})
)


@attrs.frozen
class Bulletin:
    number: int
    kind: int  # 1 news of TWS, 2 a venue has closed, 3 it has opened again
    text: str


class Desk:
    """One exchange, its clock reading and its clients."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.clients: list[Client] = []
        self._floor = exchange.floor
        self.now_ns = exchange.now_ns
        self.distortion = Distortion()
        self.audience = Audience()
        self.groups: dict[int, str] = {}  # of windows, with the contract that they show
        self.bulletins: list[Bulletin] = []
        self._by_con_id = {one.con_id: one for one in exchange.instruments}
        self._by_symbol = {one.symbol: one for one in exchange.instruments}
        self.traded_ns: dict[str, int] = {}  # the last trade of each symbol
        self._moved: dict[str, None] = {}  # symbols whose position changed, in order
        self._routes: Final[Mapping[type[Notice], Callable[[Any], None]]] = {
            TickNotice: self._tick,
            HaltNotice: self._halted,
            PositionNotice: self._position_moved,
            OrderNotice: self._order_changed,
            ExecutionNotice: self._executed,
            CommissionNotice: self._charged,
            WhatIfNotice: self._previewed,
            ErrorNotice: self._refused,
        }
        self.values_due_ns = self.now_ns + VALUES_EVERY_NS
        self.profits_due_ns = self.now_ns

    # -- small services ------------------------------------------------------------------------

    @property
    def account(self) -> str:
        return self.exchange.account

    def error(self, client: Client, request_id: int, code: int, text: str) -> None:
        time_ms = self.now_ns // 1_000_000
        client.put(client.encoder.error(request_id, code, text, time_ms))

    def bulletin(self, text: str, kind: int = REGULAR) -> None:
        """TWS publishes a news bulletin."""
        one = Bulletin(len(self.bulletins) + 1, kind, text)
        self.bulletins.append(one)
        for client in self.clients:
            if client.ready and client.bulletins:
                self.send_bulletin(client, one)

    def send_bulletin(self, client: Client, bulletin: Bulletin) -> None:
        venue = "SMART"
        client.send(NEWS_BULLETIN, bulletin.number, bulletin.kind, bulletin.text, venue)

    def find(self, query: ContractQuery | None) -> Instrument | None:
        """The stock that a client describes, by its number or by its name."""
        found = self._found(query)
        return None if found is None else self.distortion.instrument(found)

    def _found(self, query: ContractQuery | None) -> Instrument | None:
        if query is None or query.sec_type not in ("STK", ""):
            return None
        if query.con_id:
            return self._by_con_id.get(query.con_id)
        if query.currency not in ("USD", ""):
            return None
        found = self._by_symbol.get(query.symbol or query.local_symbol)
        if found is None or query.primary_exchange in ("", found.primary_exchange):
            return found
        return None

    def by_con_id(self, con_id: int) -> Instrument | None:
        return self._by_con_id.get(con_id)

    def last_ns(self, symbol: str) -> int:
        """When ``symbol`` last traded, 0 if it has not."""
        return self.traded_ns.get(symbol, 0)

    def quote(self, symbol: str) -> Quote:
        return self.exchange.quote(symbol)

    def listing(self, instrument: Instrument) -> Listing:
        """What the contract database says of ``instrument``, with hours from today on."""
        today = instruments.local_time(self.now_ns).date()
        last = today + timedelta(days=DETAILS_DAYS)
        exchanges = "SMART,AMEX,NYSE,ARCA,NASDAQ,ISLAND,IEX"
        return Listing(
            instrument=instrument,
            long_name=f"{instrument.symbol} COMMON STOCK",
            market_name=instrument.trading_class or instrument.symbol,
            order_types=_ORDER_TYPES,
            valid_exchanges=exchanges,
            trading_hours=instruments.hours_text(instrument.sessions, today, last, True),
            liquid_hours=instruments.hours_text(instrument.sessions, today, last),
            market_rule_id=instruments.MARKET_RULE_ID,
        )

    # -- notices -------------------------------------------------------------------------------

    def publish(self, notices: Iterable[Notice]) -> None:
        """Tell the clients concerned, in the order in which things happened."""
        routes = self._routes
        for notice in notices:
            routes[type(notice)](notice)
        if self._moved:
            moved, self._moved = list(self._moved), {}
            self._positions_moved(moved)

    def _position_moved(self, notice: PositionNotice) -> None:
        self._moved[notice.instrument.symbol] = None

    def _order_changed(self, notice: OrderNotice) -> None:
        order = self.distortion.order(notice.order)
        for client in self.hearers(order.client_id):
            self.audience.announce(client, order)
            self.tell_order(client, order, notice.with_open_order)

    def _executed(self, notice: ExecutionNotice) -> None:
        self._moved[notice.execution.instrument.symbol] = None
        execution = self.distortion.execution(notice.execution)
        for client in self.hearers(execution.client_id):
            shown = self.audience.execution(client, execution)
            client.put(client.encoder.execution(-1, shown))

    def _charged(self, notice: CommissionNotice) -> None:
        notice = self.distortion.commission(notice)
        for client in self.hearers(notice.client_id):
            client.put(self.commission(client, notice))

    def _previewed(self, notice: WhatIfNotice) -> None:
        for client in self._owners(notice.order.client_id):
            client.put(client.encoder.what_if(notice))

    def _refused(self, notice: ErrorNotice) -> None:
        for client in self._owners(notice.client_id):
            self.error(client, notice.order_id, notice.code, notice.text)

    def tell_order(self, client: Client, order: SimOrder, with_open_order: bool = True) -> None:
        """openOrder and orderStatus, or the status alone, as ``client`` sees the order."""
        shown, encoder = self.audience.order(client, order), client.encoder
        status = encoder.simple(ORDER_STATUS, *order_status_values(shown))
        client.put_all([encoder.open_order(shown), status] if with_open_order else [status])

    def hearers(self, client_id: int) -> list[Client]:
        """Who is told of the orders of a client."""
        return self.audience.of(client_id, self.clients, self._floor.policies)

    def commission(self, client: Client, notice: CommissionNotice) -> bytes:
        row = notice.execution_id, notice.commission, notice.currency, notice.realised
        return client.encoder.commission(*row)

    def _owners(self, client_id: int) -> list[Client]:
        return [one for one in self.clients if one.ready and one.client_id == client_id]

    def _tick(self, notice: TickNotice) -> None:
        tick = notice.tick
        if tick.kind == "T":
            self.traded_ns[tick.symbol] = tick.time_ns
        if self.distortion.mutes(tick.symbol):
            return
        quote = self.exchange.shown(tick.symbol)
        for client in self.clients:
            for stream in client.streams.of(tick.symbol):
                client.put_all(stream.tick(tick, quote))

    def quotes(self, symbol: str) -> Iterator[tuple[Client, QuoteStream]]:
        """Who is shown the quote of ``symbol``."""
        for client in self.clients:
            for stream in list(client.streams.values()) if client.ready else ():
                if isinstance(stream, QuoteStream) and stream.symbol == symbol:
                    yield client, stream

    def _halted(self, notice: HaltNotice) -> None:
        for client, stream in self.quotes(notice.symbol):
            client.put(stream.halted(notice.kind))

    # -- time ----------------------------------------------------------------------------------

    def advance(self, now_ns: int) -> None:
        """What the passing of time alone causes: bars, and values that are repeated."""
        self.now_ns = max(self.now_ns, now_ns)
        for client in self.clients:
            if client.ready:
                for stream in client.streams.timed:
                    self._time_passes(client, stream)
        if self.now_ns >= self.values_due_ns:
            self.values_due_ns = self.now_ns + VALUES_EVERY_NS
            self._revalue()
            self._values_changed()
        if self.now_ns >= self.profits_due_ns:
            self.profits_due_ns = self.now_ns + PROFITS_EVERY_NS
            for client in self.clients:
                for feed in client.profits.values() if client.ready else ():
                    self.send_profit(client, feed)

    def _time_passes(self, client: Client, stream: TimedStream) -> None:
        if not self.distortion.silences(stream.symbol):
            client.put_all(stream.advance(self.now_ns))
        elif isinstance(stream, BarStream):
            stream.skip(self.now_ns, self.exchange.shown(stream.symbol))

    # -- account -------------------------------------------------------------------------------

    def position(self, symbol: str) -> PositionNotice:
        """What is held of ``symbol``, which may be nothing."""
        if self.exchange.position(symbol):
            return self.exchange.holding(symbol)
        return PositionNotice(self.account, self._by_symbol[symbol], ZERO, ZERO)

    def holding(self, symbol: str) -> Holding:
        """The position in ``symbol`` with its valuation; at cost while there is no price."""
        held, price = self.position(symbol), self.exchange.mark(symbol)
        profit = self._profit(held, price)
        return Holding(
            account=self.account,
            instrument=held.instrument,
            quantity=held.quantity,
            average_cost=held.average_cost,
            market_price=float(held.average_cost if price is None else price),
            market_value=float(profit.value),
            unrealised=float(profit.unrealised),
            realised=float(profit.realised),
        )

    def profit_of(self, symbol: str) -> Profit:
        """Of one symbol since the account began, which is flat at the start of the run."""
        return self._profit(self.position(symbol), self.exchange.mark(symbol))

    def _profit(self, held: PositionNotice, price: Decimal | None) -> Profit:
        cost = held.quantity * held.average_cost
        value = cost if price is None else held.quantity * price
        realised = self.exchange.realised(held.instrument.symbol)
        return Profit(value - cost + realised, value - cost, realised, held.quantity, value)

    def profit(self) -> Profit:
        parts = [self.profit_of(symbol) for symbol in self.exchange.traded]
        return Profit(
            sum((part.daily for part in parts), ZERO),
            sum((part.unrealised for part in parts), ZERO),
            sum((part.realised for part in parts), ZERO),
        )

    def send_profit(self, client: Client, feed: ProfitFeed) -> None:
        """Profit and loss, when it is not what the client has been told last."""
        if feed.con_id is None:
            profit = self.profit()
            values = (_cents(profit.daily), _cents(profit.unrealised), _cents(profit.realised))
            if values != feed.sent:
                feed.sent = values
                client.send(PNL, feed.request_id, *values)
            return
        instrument = self.by_con_id(feed.con_id)
        assert instrument is not None, "checked when the feed was asked for"
        profit = self.profit_of(instrument.symbol)
        numbers = (profit.daily, profit.unrealised, profit.realised, profit.value)
        single: tuple[Value, ...] = (profit.quantity, *map(_cents, numbers))
        if single != feed.sent:
            feed.sent = single
            client.send(PNL_SINGLE, feed.request_id, *single)

    def _positions_moved(self, symbols: list[str]) -> None:
        for client in self.clients:
            if not client.ready:
                continue
            for symbol in symbols:
                held = self.position(symbol)
                row = (held.instrument, held.quantity, held.average_cost)
                if client.positions:
                    client.put(client.encoder.position(self.account, *row))
                for request_id in client.positions_multi:
                    client.put(client.encoder.position_multi(request_id, self.account, *row))
                if client.updates is not None:
                    self.send_holding(client, symbol)
        self._values_changed()

    def _revalue(self) -> None:
        """What is held has another worth: to who follows the account."""
        for client in self.clients:
            for symbol, told in client.portfolio.items() if client.updates is not None else ():
                if told.quantity and self.holding(symbol) != told:
                    self.send_holding(client, symbol)

    def send_holding(self, client: Client, symbol: str) -> None:
        """A row of the portfolio."""
        row = client.portfolio[symbol] = self.holding(symbol)
        client.put(client.encoder.portfolio(row))

    def _values_changed(self) -> None:
        values = self.exchange.account_values()
        for client in self.clients:
            if client.ready:
                self.send_values(client, values)

    def send_values(self, client: Client, values: list[tuple[str, str, str]]) -> None:
        """The account values that each subscription of ``client`` has not seen yet."""
        if client.updates is not None:
            self.send_updates(client, client.updates, values)
        for feed in client.summaries.values():
            self.send_summary(client, feed, values)
        for feed in client.multis.values():
            self.send_multi(client, feed, values)

    def send_updates(
        self, client: Client, feed: ValueFeed, values: list[tuple[str, str, str]]
    ) -> None:
        changes = feed.changes(values)
        if changes:
            encoder = client.encoder
            frames = encoder.each(ACCOUNT_VALUE, (), changes, (self.account,))
            time = clock(self.now_ns, instruments.ZONE_NAME)
            client.put_all([*frames, encoder.simple(ACCOUNT_TIME, time)])

    def send_summary(
        self, client: Client, feed: ValueFeed, values: list[tuple[str, str, str]]
    ) -> None:
        head = feed.request_id, self.account
        client.put_all(client.encoder.each(ACCOUNT_SUMMARY, head, feed.changes(values)))

    def send_multi(
        self, client: Client, feed: ValueFeed, values: list[tuple[str, str, str]]
    ) -> None:
        head = feed.request_id, self.account, ""
        client.put_all(client.encoder.each(ACCOUNT_MULTI, head, feed.changes(values)))


def _cents(amount: Decimal) -> float:
    return float(round(amount, 2))
