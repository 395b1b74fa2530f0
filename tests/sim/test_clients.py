"""Unmodified clients trade at the simulator: ib_async, and ibapi of several generations."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.sim import instruments
from engine.sim.fault_script import parse
from engine.sim.launch import generated
from engine.sim.server import SimServer
from tests.sim.ibapi_scenario import Recorder

ROOT = Path(__file__).parents[2]
CACHE = ROOT / "build" / "clients"
SCENARIO = Path(__file__).with_name("ibapi_scenario.py")
DEADLINE_S = 20.0


def server(**options: Any) -> SimServer:
    exchange, source = generated(["IBM"], seed=3, ticks_per_s=20)
    return SimServer(exchange, source, speed=20, **options)


def installed(name: str, *requirements: str) -> Path:
    """A directory with distributions that would get in the way of each other in one place."""
    target = CACHE / name
    if not (target / "complete").exists():
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target"]
        done = subprocess.run(
            [*command, str(target), *requirements], capture_output=True, text=True, check=False
        )
        if done.returncode:
            pytest.skip(f"{requirements[0]} cannot be installed: {done.stderr.strip()[-200:]}")
        (target / "complete").touch()
    return target


def run_scenario(port: int, max_version: int | None, path: Path | None) -> dict[str, Any]:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    if path is not None:
        environment["PYTHONPATH"] = str(path)
    command = [sys.executable, str(SCENARIO), str(port), "5"]
    if max_version:
        command.append(str(max_version))
    done = subprocess.run(
        command, capture_output=True, text=True, env=environment, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def check_scenario(answer: dict[str, Any], version: int) -> None:
    price = answer["execution"]["price"]

    assert answer["version"] == version
    assert answer["accounts"] == "DU0000001"
    assert answer["hours"].startswith("20240103:0930-20240103:1600;20240104:CLOSED")
    assert answer["positions"][-1] == ["DU0000001", "IBM", "100", round(price + 0.01, 2)]
    assert answer["execution"] == {
        "shares": "100",
        "price": price,
        "side": "BOT",
        "time": answer["execution"]["time"],
        "orderId": 1,
        "orderRef": "ref-1",
        "live": -1,
        "asked": 3,
    }
    assert answer["commission"] == 1.0
    assert answer["open"][:3] == ["STP", 1, "100"]
    assert answer["open"][4:] == ["ref-3", "PreSubmitted"]
    assert answer["completed"] == ["Cancelled", "Filled"]
    assert answer["values"]["AccountReady"] == "true"
    assert answer["bars"] >= 1
    assert answer["rule"] == [[0.0, 0.0001], [1.0, 0.01]]
    codes = {value for row in answer["errors"] for value in row}
    assert {2104, 2106, 2158, 202} <= codes
    assert not codes & {320, 321, 505}
    assert answer["joined"]


@pytest.mark.parametrize("version", [176, 178, 187, 192, 195, 200, 201, 206, 212, 213, 214, 226])
def test_newest_ibapi_at_every_kind_of_version(version: int) -> None:
    with server() as sim:
        answer = run_scenario(sim.port, version, None)

    check_scenario(answer, version)
    zulu = answer["execution"]["time"].endswith("Z")
    assert zulu == (version >= 214)
    assert zulu or answer["execution"]["time"].endswith(" America/New_York")


def test_ibapi_10_30() -> None:
    path = installed("ibapi-10.30.1", "nautilus-ibapi==10.30.1")
    with server() as sim:
        check_scenario(run_scenario(sim.port, None, path), 187)


def test_ibapi_10_37_is_served_in_both_formats() -> None:
    """It speaks up to 203, where orders and executions are protobuf, and all the rest is text."""
    path = installed("ibapi-10.37.2", "ibapi-stable==10.37.2", "protobuf==5.29.5")
    with server() as sim:
        check_scenario(run_scenario(sim.port, None, path), 203)


@pytest.fixture
def ib() -> Iterator[Any]:
    ib_async = pytest.importorskip("ib_async")
    client = ib_async.IB()
    client.RequestTimeout = DEADLINE_S
    yield client
    if client.isConnected():
        client.disconnect()


def until(ib: Any, condition: Callable[[], Any]) -> None:
    """Let ib_async work until ``condition`` holds."""
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, "the condition never came true"
        ib.waitOnUpdate(timeout=0.2)


@pytest.mark.parametrize("version", [176, 178, 226])
def test_ib_async_connects_without_a_timeout(
    ib: Any, version: int, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING), server(max_server_version=version) as sim:
        ib.connect("127.0.0.1", sim.port, clientId=0, timeout=DEADLINE_S, raiseSyncErrors=True)
        assert ib.client.serverVersion() == min(version, 178)
        assert ib.managedAccounts() == ["DU0000001"]
        assert {one.tag for one in ib.accountValues()} >= {"NetLiquidation", "BuyingPower"}
        ib.disconnect()

    assert [record.getMessage() for record in caplog.records if "ib_async" in record.name] == []


@pytest.mark.parametrize("version", [176, 178])
def test_ib_async_trades_a_bracket(ib: Any, version: int, caplog: pytest.LogCaptureFixture) -> None:
    """Its decoder is strict: a field too many or too few is logged as an error and lost."""
    ib_async = pytest.importorskip("ib_async")
    with caplog.at_level(logging.ERROR), server(max_server_version=version) as sim:
        ib.connect("127.0.0.1", sim.port, clientId=3, timeout=DEADLINE_S, raiseSyncErrors=True)
        (contract,) = ib.qualifyContracts(ib_async.Stock("IBM", "SMART", "USD"))
        ticker = ib.reqMktData(contract)
        until(ib, lambda: ticker.ask > 0 and ticker.last > 0)
        ask = ticker.ask
        bracket = ib.bracketOrder(
            "BUY", 100, round(ask + 0.5, 2), round(ask + 50, 2), round(ask - 50, 2), tif="GTC"
        )
        entry, target, stop = [ib.placeOrder(contract, order) for order in bracket]
        until(ib, lambda: entry.fills and entry.fills[0].commissionReport.execId)
        assert entry.orderStatus.status == "Filled"
        assert entry.fills[0].execution.shares == 100
        assert entry.fills[0].commissionReport.commission == 1.0
        until(ib, lambda: ib.positions() and ib.positions()[0].position == 100)

        ib.cancelOrder(target.order)
        until(ib, lambda: target.orderStatus.status == "Cancelled")
        assert stop.orderStatus.status == "PreSubmitted"
        assert [trade.order.orderType for trade in ib.reqAllOpenOrders()] == ["STP"]
        assert len(ib.reqCompletedOrders(False)) == 2
        (fill,) = ib.reqExecutions()
        assert fill.execution.time.date().isoformat() == "2024-01-03"
        bars = ib.reqHistoricalData(contract, "", "1 D", "1 min", "TRADES", True)
        assert bars and bars[0].date.tzinfo is not None
        assert ib.reqMarketRule(26)[1].increment == 0.01
        ib.reqGlobalCancel()
        until(ib, lambda: stop.orderStatus.status == "Cancelled")
        ib.disconnect()

    errors = [record.getMessage() for record in caplog.records if "ib_async" in record.name]
    assert [text for text in errors if "Error 202" not in text] == []


def test_ib_async_streams(ib: Any, caplog: pytest.LogCaptureFixture) -> None:
    ib_async = pytest.importorskip("ib_async")
    with caplog.at_level(logging.ERROR), server() as sim:
        ib.connect("127.0.0.1", sim.port, clientId=3, timeout=DEADLINE_S, raiseSyncErrors=True)
        (contract,) = ib.qualifyContracts(ib_async.Stock("IBM", "SMART", "USD"))
        quoted = ib.reqMktData(contract)
        until(ib, lambda: quoted.last > 0)
        realtime = ib.reqRealTimeBars(contract, 5, "TRADES", True)
        kept = ib.reqHistoricalData(
            contract, "", "60 S", "5 secs", "TRADES", True, keepUpToDate=True
        )
        count = len(kept)
        seen: dict[str, list[Any]] = {}
        for kind in ("Last", "AllLast", "BidAsk", "MidPoint"):
            ticker = ib.reqTickByTickData(contract, kind)
            seen[kind] = []
            ticker.updateEvent += lambda one, kind=kind: seen[kind].extend(one.tickByTicks)
        until(ib, lambda: len(realtime) >= 2 and len(kept) > count and all(seen.values()))
        assert realtime[1].time.timestamp() - realtime[0].time.timestamp() == 5
        ib.disconnect()

    assert [record.getMessage() for record in caplog.records if "ib_async" in record.name] == []


# Far from the market, so that each of them waits.
RESTING = {
    "LMT": {"lmtPrice": 10.0},
    "STP": {"auxPrice": 10.0},
    "STP LMT": {"auxPrice": 10.0, "lmtPrice": 9.5},
    "TRAIL": {"trailingPercent": 50.0},
    "TRAIL LIMIT": {"auxPrice": 20.0, "trailStopPrice": 10.0, "lmtPriceOffset": 0.5},
    "MIT": {"auxPrice": 900.0},
    "LIT": {"auxPrice": 900.0, "lmtPrice": 901.0},
    "MOC": {},
    "LOC": {"lmtPrice": 900.0},
    "REL": {"auxPrice": 0.0, "lmtPrice": 900.0},
}
DATE = "20240103 15:30:00 US/Eastern"


@pytest.mark.parametrize("version", [176, 178])
def test_ib_async_places_every_type_of_order(
    ib: Any, version: int, caplog: pytest.LogCaptureFixture
) -> None:
    ib_async = pytest.importorskip("ib_async")
    with caplog.at_level(logging.ERROR), server(max_server_version=version) as sim:
        ib.connect("127.0.0.1", sim.port, clientId=3, timeout=DEADLINE_S, raiseSyncErrors=True)
        (contract,) = ib.qualifyContracts(ib_async.Stock("IBM", "SMART", "USD"))
        trades = {}
        for kind, prices in RESTING.items():
            tif = "DAY" if kind in ("MOC", "LOC") else "GTC"
            side = "BUY" if kind == "LMT" else "SELL"
            trades[kind] = ib.placeOrder(
                contract,
                ib_async.Order(action=side, totalQuantity=100, orderType=kind, tif=tif, **prices),
            )
        conditioned = ib_async.LimitOrder("BUY", 100, 10.0, tif="GTD", goodTillDate=DATE)
        conditioned.conditions = [
            ib_async.PriceCondition(price=900.0, conId=contract.conId, exch="SMART").Or(),
            ib_async.TimeCondition(isMore=True, time=DATE),
        ]
        trades["conditioned"] = ib.placeOrder(contract, conditioned)
        working = ("PreSubmitted", "Submitted")
        until(ib, lambda: all(t.orderStatus.status in working for t in trades.values()))

        opened = {trade.order.permId: trade.order for trade in ib.reqAllOpenOrders()}
        assert len(opened) == len(trades)
        trailing = opened[trades["TRAIL LIMIT"].order.permId]
        assert trailing.lmtPriceOffset == 0.5

        state = ib.whatIfOrder(contract, ib_async.MarketOrder("BUY", 100, tif="DAY"))
        assert float(state.initMarginChange) > 0
        assert state.commission == 1.0
        at_once = ib.placeOrder(contract, ib_async.LimitOrder("BUY", 100, 10.0, tif="IOC"))
        until(ib, lambda: at_once.orderStatus.status == "Cancelled")
        ib.reqGlobalCancel()
        until(ib, lambda: all(t.orderStatus.status == "Cancelled" for t in trades.values()))
        assert ib.fills() == []
        ib.disconnect()

    errors = [record.getMessage() for record in caplog.records if "ib_async" in record.name]
    assert [text for text in errors if "Error 202" not in text] == []


@pytest.mark.parametrize("version", [176, 200, 226])
def test_newest_ibapi_places_every_type_of_order(version: int) -> None:
    from ibapi.client import EClient
    from ibapi.contract import Contract
    from ibapi.order import Order
    from ibapi.order_cancel import OrderCancel
    from ibapi.order_condition import PriceCondition, TimeCondition

    with server(max_server_version=version) as sim:
        seen = Recorder()
        client = EClient(seen)
        client.connect("127.0.0.1", sim.port, 5)
        thread = threading.Thread(target=client.run, daemon=True)
        thread.start()
        order_id = seen.wait("nextValidId")[0][0]
        contract = Contract()
        contract.symbol, contract.secType, contract.exchange = "IBM", "STK", "SMART"
        contract.currency = "USD"

        def place(kind: str, **more: Any) -> None:
            nonlocal order_id
            made = Order()
            made.orderType, made.action, made.totalQuantity = kind, "SELL", 100
            made.tif = "DAY" if kind in ("MOC", "LOC") else "GTC"
            for name, value in more.items():
                setattr(made, name, value)
            client.placeOrder(order_id, contract, made)
            order_id += 1

        for kind, prices in RESTING.items():
            place(kind, **({"action": "BUY"} if kind == "LMT" else {}), **prices)
        con_id = instruments.con_id("IBM")
        conditions = [
            PriceCondition(0, con_id, "SMART", True, 900.0).Or(),
            TimeCondition(True, DATE),
        ]
        place("MKT", conditions=conditions, tif="GTD", goodTillDate=DATE)
        place("MKT", whatIf=True)
        count = len(RESTING) + 1
        rows = seen.wait("openOrder", lambda rows: len(rows) > count)
        state = rows[-1][3]
        assert rows[-1][2].whatIf
        assert float(state.initMarginAfter) > 0
        assert (state.commissionAndFees, state.commissionAndFeesCurrency) == (1.0, "USD")
        waiting = rows[-2][2]
        assert [one.condType for one in waiting.conditions] == [1, 3]
        assert (waiting.tif, waiting.goodTillDate[:17]) == ("GTD", DATE[:17])

        client.reqGlobalCancel(OrderCancel())
        seen.wait(
            "orderStatus",
            lambda rows: len({row[0] for row in rows if row[1] == "Cancelled"}) == count,
        )
        details = OrderCancel()
        if version >= 192:
            details.extOperator = "desk 4"
        client.cancelOrder(1, details)
        seen.wait("error", lambda rows: any(10148 in row for row in rows))
        codes = {value for row in seen.seen["error"] for value in row if isinstance(value, int)}
        assert not codes & {110, 111, 113, 201, 320, 321, 387, 505}
        assert "execDetails" not in seen.seen
        client.disconnect()
        thread.join(DEADLINE_S)


def test_ib_async_trades_while_messages_are_doubled_late_and_in_pieces(ib: Any) -> None:
    ib_async = pytest.importorskip("ib_async")
    faults = parse(
        [
            "start fragment bytes=700",
            "start repeat execDetails,orderStatus,commission",
            "start reorder openOrder,orderStatus,execDetails,commission within=2s",
            "start delay commission by=1s chance=50%",
        ]
    )
    with server(faults=faults, seed=5) as sim:
        ib.connect("127.0.0.1", sim.port, clientId=3, timeout=DEADLINE_S, raiseSyncErrors=True)
        (contract,) = ib.qualifyContracts(ib_async.Stock("IBM", "SMART", "USD"))
        trade = ib.placeOrder(contract, ib_async.MarketOrder("BUY", 100, tif="DAY"))
        until(ib, lambda: trade.fills and trade.fills[0].commissionReport.execId)
        until(ib, lambda: trade.orderStatus.status == "Filled")
        assert sum(fill.execution.shares for fill in trade.fills) == 100
        ib.disconnect()
        assert min(row["happened"] for row in sim.report()["faults"][:3]) > 0
