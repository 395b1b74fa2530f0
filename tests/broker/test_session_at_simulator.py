"""The session trades at the product's simulator, in text and in protobuf."""

import time
from collections.abc import Iterator
from decimal import Decimal

import pytest

from _fast import reader as fast_reader
from _fast.market import Market
from engine.broker.session import Session
from engine.broker.sync import ORDER_ID_FIRST
from engine.commands import Amend, AskAccount, Cancel, OrderSpec, Place, Snapshot
from engine.config import Broker, Strategy
from engine.inputs import (
    AccountReported,
    CommissionReported,
    ExecutionReported,
    Input,
    InstrumentDefined,
    OrderIdGranted,
    OrderOpened,
    OrderStatusReported,
    PositionReported,
    SessionChanged,
    SnapshotEnded,
)
from engine.plans import Sizing
from engine.sim.launch import ACCOUNT, generated
from engine.sim.records import MarketTick
from engine.sim.server import SimServer
from statecharts.vocabulary import SessionState

D = Decimal
SPEED = 5.0


@pytest.fixture(params=[176, 178, 200, 213, 226])
def simulator(request: pytest.FixtureRequest) -> Iterator[SimServer]:
    exchange, source = generated(["IBM"], seed=3, ticks_per_s=20)
    with SimServer(exchange, source, speed=SPEED, max_server_version=request.param) as server:
        server.version = request.param  # type: ignore[attr-defined]
        yield server


class Run:
    def __init__(self, server: SimServer, epoch: int = 0) -> None:
        broker = Broker(port=server.port, clock_rate=SPEED, messages_per_s_max=45)
        strategy = Strategy(symbols=("IBM",), sizing=Sizing(shares=D(1)))
        self.session = Session(broker, strategy, Market(), -1, epoch)
        self.told: list[Input] = self.session.connect(lambda: False)

    def until(self, condition) -> None:
        deadline = time.monotonic() + 10
        while not condition():
            assert time.monotonic() < deadline, (self.session.state, self.told[-12:])
            reader = self.session.reader
            assert reader is not None, self.told[-3:]
            flags = reader.wait(20_000_000)
            self.told += self.session.hear(reader.take())
            if flags & (fast_reader.CLOSED | fast_reader.BROKEN):
                self.told += self.session.closed("closed by the peer")
            self.told += self.session.on_time(time.monotonic_ns())

    def of(self, kind) -> list:
        return [found for found in self.told if isinstance(found, kind)]

    def ask(self, command) -> None:
        self.told += self.session.perform(command)
        self.told += self.session.flush(time.monotonic_ns())

    def status(self, order_id: int) -> str:
        found = [f.status for f in self.of(OrderStatusReported) if f.order_id == order_id]
        return found[-1] if found else ""


def order(order_type: str, **changes) -> OrderSpec:
    values = {
        "action": "BUY",
        "quantity": D(100),
        "order_type": order_type,
        "limit_price": None,
        "aux_price": None,
        "tif": "GTC",
        "outside_rth": False,
        "account": ACCOUNT,
        "order_ref": "test-1",
    }
    return OrderSpec(**{**values, **changes})


def test_a_day_of_work(simulator: SimServer) -> None:
    run = Run(simulator)
    session = run.session
    run.until(lambda: session.state is SessionState.LIVE)
    assert session.server_version == simulator.version  # type: ignore[attr-defined]
    assert session.account == ACCOUNT
    (defined,) = run.of(InstrumentDefined)
    assert defined.instrument.symbol == "IBM"
    assert defined.instrument.sessions
    assert {f.kind for f in run.of(SnapshotEnded)} == {
        "open_orders", "executions", "completed_orders", "positions"
    }  # fmt: skip
    assert run.of(OrderIdGranted)
    run.until(lambda: bool(run.of(AccountReported)))
    run.until(lambda: session._market.view(0)[0] is not None)
    bid = D(str(session._market.view(0)[0]))

    first = ORDER_ID_FIRST
    resting = order("LMT", limit_price=(bid * D("0.9")).quantize(D("0.01")))
    run.ask(Place(first, "IBM", resting))
    run.until(lambda: run.status(first) in ("Submitted", "PreSubmitted"))
    amended = order("LMT", limit_price=(bid * D("0.91")).quantize(D("0.01")), quantity=D(50))
    run.ask(Amend(first, "IBM", amended))
    run.until(lambda: any(o.quantity == 50 for o in run.of(OrderOpened) if o.order_id == first))
    run.ask(Cancel(first))
    run.until(lambda: run.status(first) == "Cancelled")

    run.ask(Place(first + 1, "IBM", order("MKT", order_ref="test-2")))
    run.until(lambda: bool(run.of(CommissionReported)))
    filled = [f for f in run.of(ExecutionReported) if f.order_id == first + 1]
    assert sum(f.quantity for f in filled) == 100
    assert {(f.side, f.order_ref, f.account) for f in filled} == {("BUY", "test-2", ACCOUNT)}

    seen = len(run.of(SnapshotEnded))
    for kind in ("positions", "executions", "completed_orders"):
        run.ask(Snapshot(kind))
    run.until(lambda: len(run.of(SnapshotEnded)) == seen + 3)
    assert run.of(PositionReported)[-1].quantity == 100

    told = len(run.of(AccountReported))
    run.ask(AskAccount())
    run.until(lambda: len(run.of(AccountReported)) > told)
    answer = run.of(AccountReported)[told]
    assert {one.key for one in answer.values} == {"NetLiquidation", "BuyingPower"}
    assert answer.account == ACCOUNT
    (client,) = simulator.gateway.desk.clients
    run.until(lambda: not client.summaries)  # it does not go on by itself
    assert any(o.order_id == 0 and o.status == "Cancelled" for o in run.of(OrderOpened))
    assert not session.unreadable
    assert [c.event for c in run.of(SessionChanged)] == [
        "START", "SOCKET_OPENED", "HANDSHAKE_DONE", "SYNCED"
    ]  # fmt: skip
    session.stop()


@pytest.fixture(params=[176, 200, 226])
def quiet(request: pytest.FixtureRequest) -> Iterator[SimServer]:
    """A market that was quoted once, at 99.98 to 100, and trades when the test says so."""
    exchange, _ = generated(["IBM"])
    ticks = [
        MarketTick(exchange.now_ns + 1, "IBM", kind, price, 1000)  # type: ignore[arg-type]
        for kind, price in (("B", 99.98), ("A", 100.0))
    ]
    with SimServer(exchange, iter(ticks), speed=SPEED, max_server_version=request.param) as server:
        yield server


@pytest.mark.parametrize("trail", [{"aux_price": D("1.50")}, {"trail_percent": D("1.25")}])
def test_a_trailing_stop_moves_with_the_price_and_never_back(
    quiet: SimServer, trail: dict[str, Decimal]
) -> None:
    run = Run(quiet)
    run.until(lambda: run.session.state is SessionState.LIVE)

    def trade(price: Decimal) -> None:
        now_ns = quiet.gateway.desk.now_ns
        tick = MarketTick(now_ns, "IBM", "T", float(price), 100)
        quiet.call(lambda: quiet.gateway.tick(tick))

    def level() -> Decimal | None:
        """As the broker tells it when it is asked for its open orders."""
        seen = len(run.of(SnapshotEnded))
        run.ask(Snapshot("open_orders"))
        run.until(lambda: len(run.of(SnapshotEnded)) > seen)
        found: Decimal | None = run.of(OrderOpened)[-1].trail_stop_price
        return found

    first = ORDER_ID_FIRST
    stop = order("TRAIL", action="SELL", trail_stop_price=D("97.10"), **trail)
    run.ask(Place(first, "IBM", stop))
    run.until(lambda: run.status(first) == "PreSubmitted")
    placed = run.of(OrderOpened)[0]
    assert (placed.order_type, placed.tif) == ("TRAIL", "GTC")
    assert placed.trail_percent == trail.get("trail_percent")
    assert placed.trail_stop_price == level() == D("97.10")

    trade(D(104))
    high = D(104) - trail.get("aux_price", D("1.30"))
    assert level() == high
    trade(high + D("0.01"))  # back, but not as far as the stop
    assert level() == high
    wider = {name: value * 2 for name, value in trail.items()}
    run.ask(Amend(first, "IBM", order("TRAIL", action="SELL", **wider)))
    assert level() == high
    trade(high)
    run.until(lambda: run.status(first) == "Filled")
    assert {f.side for f in run.of(ExecutionReported)} == {"SELL"}
    assert not run.session.unreadable
    run.session.stop()


def test_a_new_connection_finds_what_the_old_one_left(simulator: SimServer) -> None:
    run = Run(simulator)
    run.until(lambda: run.session.state is SessionState.LIVE)
    run.ask(Place(ORDER_ID_FIRST, "IBM", order("LMT", limit_price=D(1))))
    run.until(lambda: run.status(ORDER_ID_FIRST) in ("Submitted", "PreSubmitted"))
    run.session.stop()

    again = Run(simulator, epoch=1)
    again.until(lambda: again.session.state is SessionState.LIVE)
    found = [o for o in again.of(OrderOpened) if o.order_ref == "test-1"]
    assert found
    assert {o.order_id for o in found} == {ORDER_ID_FIRST}
    granted = again.of(OrderIdGranted)[-1].next_order_id
    assert granted > ORDER_ID_FIRST
    assert {f.epoch for f in again.of(SnapshotEnded)} == {2}
    again.session.stop()
