"""The core and the simulated exchange joined without a wire: one object to drive both.

What the exchange tells becomes inputs of one step, what the core wants goes to the exchange, and
so on until both are quiet. Time moves only when a test says so.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal

import attrs
import orjson

from engine.commands import (
    Amend,
    AskAccount,
    Cancel,
    Command,
    Follow,
    LookAtMarket,
    Place,
    Snapshot,
    Unwatch,
    Watch,
)
from engine.config import CONVERTER, Config
from engine.core import Core
from engine.events import BaseEvent
from engine.inputs import (
    AccountReported,
    AccountsListed,
    AccountValue,
    Input,
    InstrumentDefined,
    MarketSeen,
    MarketView,
    OrderIdGranted,
    SessionChanged,
    Signal,
    SignalArrived,
    Started,
    TimerElapsed,
)
from engine.sim.exchange import Exchange
from engine.sim.instruments import instrument, session
from engine.sim.matching import Deal
from engine.sim.policies import Policies
from engine.sim.records import (
    CommissionNotice,
    ErrorNotice,
    ExecutionNotice,
    MarketTick,
    Notice,
    SimExecution,
    SimOrder,
)
from engine.sim.wireless import Watches, order_of, translate, truth
from tests.core.courier import Courier

DAY = date(2024, 3, 5)
OPEN_NS, CLOSE_NS = session(DAY)
SECOND = 1_000_000_000
MILLISECOND = 1_000_000
ROUNDS_MAX = 100  # of question and answer within one instant
CLIENT, ACCOUNT = 17, "DU0000001"
Retell = Callable[[Snapshot, list[Input]], list[Input]]


def account_worth(amount: str, account: str = ACCOUNT) -> AccountReported:
    return AccountReported(account, (AccountValue("NetLiquidation", amount, "USD"),))


class Desk:
    """Drives one core against one exchange."""

    # Of the core's state, costly: after each of the first steps, and then after every so many.
    keeps_digests = False
    DIGESTS_FIRST, DIGESTS_EACH = 200, 20

    def __init__(
        self,
        config: Config,
        policies: Policies | None = None,
        seed: int = 1,
        connect: bool = True,
        mute: tuple[type[Input], ...] = (),
        sessions: tuple[tuple[int, int], ...] = ((OPEN_NS, CLOSE_NS),),
    ) -> None:
        self.config = config
        self.linked = False
        self.courier = Courier()
        self.courier.lost.update(mute)
        self.retell: Retell = lambda asked, answer: answer  # what becomes of it on its way
        self.instruments = {
            symbol: attrs.evolve(instrument(symbol), sessions=sessions)
            for symbol in config.strategy.symbols
        }
        self.now_ns = sessions[0][0] + 60 * SECOND
        self.exchange = Exchange(
            list(self.instruments.values()), ACCOUNT, policies or Policies(), seed, self.now_ns, 7
        )
        self.core = Core(config)
        self.events: list[BaseEvent] = []
        self.commands: list[Command] = []
        self.records: list[tuple[int, tuple[Input, ...]]] = []
        self.answers: list[list[Command]] = []  # of the core, one for each record
        self.digests: dict[int, str] = {}  # by the number of records before it
        self.quotes: dict[str, MarketView] = {}
        self.worth: str | None = "1000000"  # of the account, where that is asked; None: no answer
        self.signals = 0
        self.watches = Watches()
        self.epoch = 0
        self.refusals: dict[str, int] = {}  # by order type: so many new orders are rejected
        self.excused = 0  # crossings of zero that the exchange made by itself
        if connect:
            self.start()

    # -- session -----------------------------------------------------------------------------

    def start(self) -> None:
        settings = orjson.dumps(CONVERTER.unstructure(self.config)).decode()
        self.feed(Started("sx1", "test", settings, CLIENT, ACCOUNT))
        self.defined = False
        self.connect()

    def connect(self) -> None:
        self.epoch += 1
        self.now_ns += MILLISECOND
        self.linked = True
        state = self.core.state.session
        self.feed(SessionChanged("RETRY" if state else "START", self.epoch))
        self.feed(
            SessionChanged("SOCKET_OPENED", self.epoch),
            OrderIdGranted(self.exchange.next_order_id(CLIENT)),
            AccountsListed((ACCOUNT,)),
            SessionChanged("HANDSHAKE_DONE", self.epoch),
        )
        answers: list[Input] = []
        if not self.defined:  # the session tells a definition again only when it has changed
            answers += [InstrumentDefined(one) for one in self.instruments.values()]
            self.defined = True
        for kind in ("open_orders", "executions", "completed_orders", "positions"):
            answers += self.answer(Snapshot(kind))
        self.feed(*answers)  # it takes as many steps as they come in
        self.feed(SessionChanged("SYNCED", self.epoch))

    def lose(self) -> None:
        self.linked = False
        self.feed(SessionChanged("SOCKET_CLOSED", self.epoch))

    def answer(self, command: Snapshot) -> list[Input]:
        return self.retell(command, truth(self.exchange, command.kind, self.epoch))

    def restart(self) -> None:
        """The process dies; another one replays its journal, must arrive at the same state, and
        connects."""
        replayed = Core(self.config)
        self.watches.clear()
        for now_ns, inputs in self.records:
            replayed.step(inputs, now_ns)
        assert replayed.state.digest() == self.core.state.digest(), "replay differs"
        self.core = replayed
        self.start()

    def heal(self) -> None:
        """No more faults: the link is there, what was delayed arrives, and time passes in a
        market that trades but does not move."""
        late = self.courier.heal()
        if not self.linked:
            self.connect()
        if late:
            self.feed(*late)
        for _ in range(3):
            for view in list(self.quotes.values()):
                self.show(view, 100_000)
            self.wait(45)

    # -- market and signals ------------------------------------------------------------------

    def quote(
        self, symbol: str, bid: float, ask: float, size: int = 100_000, atr: float | None = 1.0
    ) -> None:
        self.show(MarketView(symbol, bid, ask, (bid + ask) / 2, 0, atr), size)

    def show(self, view: MarketView, size: int) -> None:
        """The market as it is now: to the exchange, which knows no prices of 0 and below, and
        to the watches."""
        self.quotes[view.symbol] = view
        self.move(view.symbol, view.bid, view.ask, size)
        self.look(view.symbol)

    def fired(self, symbol: str) -> list[Input]:
        """The watches of a symbol that have just become true."""
        view = self.quotes.get(symbol)
        return [] if view is None else self.watches.fired(view)

    def look(self, symbol: str) -> None:
        if fired := self.fired(symbol):
            self.feed(*fired)

    def tick(self, symbol: str, kind: str, price: float, size: int = 100) -> None:
        self.deliver(self.exchange.on_tick(MarketTick(self.now_ns, symbol, kind, price, size)))

    def trade(self, symbol: str, price: float, size: int = 100) -> None:
        """Quote around a price with the given size, and a trade at it."""
        bid, ask = round(price - 0.01, 2), round(price + 0.01, 2)
        view = self.quotes.get(symbol, MarketView(symbol, quote_age_ns=0))
        self.quotes[symbol] = attrs.evolve(view, bid=bid, ask=ask, last=price)
        self.move(symbol, bid, ask, size)
        self.tick(symbol, "T", price, size)
        self.look(symbol)

    def move(self, symbol: str, bid: float | None, ask: float | None, size: int) -> None:
        """Both quotes, in the order in which they do not cross on the way."""
        ticks = [(kind, price) for kind, price in (("B", bid), ("A", ask)) if price and price > 0]
        known = self.exchange.quote(symbol).ask
        if known is not None and bid is not None and bid >= known:
            ticks.reverse()
        for kind, price in ticks:
            self.tick(symbol, kind, price, size)

    def signal(
        self, symbol: str, kind: str, confidence: float = 1.0, identity: str | None = None
    ) -> None:
        self.signals += 1
        name = identity or f"test:{symbol}:{self.signals}:{kind}"
        signal = Signal(name, "test", symbol, kind, confidence, self.now_ns)
        view = self.quotes.get(symbol, MarketView(symbol))
        self.feed(SignalArrived(signal, view))

    def wait(self, seconds: float) -> None:
        """Let time pass, stopping at every deadline of the core and of the exchange."""
        self.wait_until(self.now_ns + int(seconds * SECOND))

    def wait_until(self, end: int) -> None:
        while True:
            due = [
                self.core.next_deadline_ns,
                self.exchange.next_timer_ns,
                self.courier.next_ns,
            ]
            known = [at for at in due if at is not None and at <= end]
            if not known:
                break
            at_ns = min(known)
            self.now_ns = max(self.now_ns, at_ns)
            self.deliver(self.exchange.advance(self.now_ns))
            late = self.courier.due(self.now_ns)
            self.feed(*(late if self.linked else []), TimerElapsed())
        self.now_ns = end
        self.deliver(self.exchange.advance(end))

    # -- the loop ----------------------------------------------------------------------------

    def deliver(self, notices: list[Notice]) -> None:
        if not self.linked:
            return  # said into a dead socket
        told = [item for notice in notices for item in translate(notice)]
        if inputs := self.courier.carry(told, self.now_ns):
            self.feed(*inputs)

    def feed(self, *inputs: Input) -> None:
        waiting: list[Input] = list(inputs)
        for _ in range(ROUNDS_MAX):
            if not waiting:
                break
            self.records.append((self.now_ns, tuple(waiting)))
            output = self.core.step(tuple(waiting), self.now_ns)
            self.events += output.events
            self.commands += output.commands
            self.answers.append(output.commands)
            number = len(self.answers) - 1
            if self.keeps_digests and (
                number < self.DIGESTS_FIRST or number % self.DIGESTS_EACH == 0
            ):
                self.digests[number] = self.core.state.digest()
            waiting = []
            for command in output.commands:
                waiting += self.carry_out(command)
        else:
            raise AssertionError(f"core and exchange do not come to rest: {waiting}")
        self.check()

    def carry_out(self, command: Command) -> list[Input]:
        if isinstance(command, LookAtMarket):
            return [MarketSeen(self.quotes[command.symbol])]
        if isinstance(command, Watch):
            self.watches.set(command)
            return self.fired(command.symbol)
        if isinstance(command, Unwatch):
            self.watches.unset(command)
            return []
        if isinstance(command, Follow):
            return []
        assert self.linked, f"sent without a link: {command}"
        if isinstance(command, Snapshot):
            return self.answer(command)
        if isinstance(command, AskAccount):
            return [] if self.worth is None else [account_worth(self.worth)]
        if self.courier.loses_request():
            return []
        if isinstance(command, Cancel):
            notices = self.exchange.cancel(CLIENT, command.order_id)
        else:
            assert isinstance(command, Place | Amend)
            notices = self.place(
                order_of(command, CLIENT, self.instruments[command.symbol]),
                new=isinstance(command, Place),
            )
        told = [item for notice in notices for item in translate(notice)]
        return self.courier.carry(told, self.now_ns)

    # -- what the exchange does by itself ----------------------------------------------------

    def place(self, order: SimOrder, new: bool) -> list[Notice]:
        if new and self.refusals.get(order.order_type):
            self.refusals[order.order_type] -= 1
            return [ErrorNotice(CLIENT, order.order_id, 201, "Order rejected - reason:no")]
        return self.exchange.place(CLIENT, order)

    def oldest(self, symbol: str, order_type: str) -> SimOrder:
        for order in self.exchange.open_orders(CLIENT):
            if (order.instrument.symbol, order.order_type) == (symbol, order_type):
                return order
        raise AssertionError(f"no {order_type} of {symbol} is live: {self.live(symbol)}")

    def broker_cancels(self, symbol: str, order_type: str) -> None:
        self.deliver(self.exchange.cancel(CLIENT, self.oldest(symbol, order_type).order_id))

    def broker_fills(
        self, symbol: str, order_types: list[str], quantity: Decimal, price: Decimal | None = None
    ) -> None:
        """Fill of the oldest order of each type, whatever the market shows. Of several, none
        hears of the others in time: both legs of a race."""
        floor = self.exchange._floor
        chosen = [self.oldest(symbol, order_type) for order_type in order_types]
        before, policies = floor.oracle.crossings, floor.policies
        if len(chosen) > 1:
            floor.policies = attrs.evolve(policies, oca_siblings="forget")
        for order in chosen:
            live = self.exchange._registry.find(CLIENT, order.order_id)
            assert live is not None
            at = price or order.limit_price or order.trail_stop_price or order.aux_price
            assert at is not None
            floor._fill(live, Deal(quantity, at, True))
        floor.policies = policies
        floor.finish()
        self.excused += floor.oracle.crossings - before
        self.deliver(floor.drain())

    def broker_fills_late(
        self, symbol: str, action: str, quantity: Decimal, order_type: str, price: Decimal
    ) -> None:
        """An execution of the last order of its kind, after its end was told."""
        floor = self.exchange._floor
        ended = [
            order
            for order in self.exchange.completed_orders()
            if (order.instrument.symbol, order.action, order.order_type)
            == (symbol, action, order_type)
        ]
        order = max(ended, key=lambda one: one.order_id)
        before = floor.account.position(symbol)
        floor.account.apply(order.instrument, order.action, quantity, price, Decimal(0))
        execution = SimExecution(
            execution_id=f"{self.exchange.instance:08x}.{len(floor.executions) + 1:08x}.01.01",
            time_ns=self.now_ns,
            order_id=order.order_id,
            client_id=CLIENT,
            perm_id=order.perm_id,
            instrument=order.instrument,
            account=ACCOUNT,
            side=order.action,
            quantity=quantity,
            price=price,
            cumulative_quantity=order.filled + quantity,
            average_price=price,
            order_ref=order.order_ref,
            last_liquidity=1,
        )
        floor.executions.append(execution)
        crossings = floor.oracle.crossings
        floor.oracle.executed(execution, Decimal(0), before, floor.account.position(symbol))
        self.excused += floor.oracle.crossings - crossings
        name = execution.execution_id
        charge = floor.ledger.commissions[name] = CommissionNotice(
            name, CLIENT, Decimal(0), "USD", None
        )
        self.deliver([ExecutionNotice(execution), charge, floor.account.notice(symbol)])

    # -- what is true ------------------------------------------------------------------------

    def check(self) -> None:
        """Invariants after every step: positions are folds of the broker's executions, and no
        exit can turn a position over."""
        if self.core.state.live and not self.courier.used:
            for symbol, held in self.broker_positions().items():
                assert self.core.state.held(symbol) == held, symbol

    def broker_positions(self) -> dict[str, Decimal]:
        positions = dict.fromkeys(self.instruments, Decimal(0))
        for notice in self.exchange.positions():
            positions[notice.instrument.symbol] = notice.quantity
        return positions

    def context_state(self, symbol: str) -> str:
        from statecharts.vocabulary import ContextState

        context = self.core.state.current.get(symbol)
        return ContextState(context.state).name.lower() if context else "flat"

    def live(self, symbol: str) -> list[str]:
        """Live orders at the exchange: 'SELL 300 STP 94.00', sorted."""
        lines = []
        for order in self.exchange.open_orders(CLIENT):
            if order.instrument.symbol == symbol:
                price = {
                    "STP": order.aux_price,
                    "TRAIL": order.trail_stop_price,
                }.get(order.order_type, order.limit_price)
                lines.append(
                    f"{order.action} {order.remaining} {order.order_type}"
                    + (f" {price:.2f}" if price is not None else "")
                )
        return sorted(lines)

    def cover(self, symbol: str, order_types: tuple[str, ...]) -> dict[Decimal, Decimal]:
        """By price, what live orders of these types would trade to close what is held, as far
        as the exchange would let them now."""
        position = self.exchange.position(symbol)
        found: dict[Decimal, Decimal] = {}
        for live in self.exchange._registry.live():
            order = live.order
            closes = (order.action == "SELL") == (position > 0)
            if order.instrument.symbol != symbol or order.order_type not in order_types:
                continue
            if position and closes and live.active and not live.held:
                price = order.limit_price or order.trail_stop_price or order.aux_price
                assert price is not None
                fillable = self.exchange._floor.fillable(live)
                found[price] = found.get(price, Decimal(0)) + fillable
        return found

    def said(self, kind: type) -> list[BaseEvent]:
        return [event for event in self.events if isinstance(event, kind)]
