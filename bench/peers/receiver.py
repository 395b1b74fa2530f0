"""Receives a saturated stream of tick-by-tick trades and prints what one of them took it: seconds
by the clock, and of its processor, which says what the clock would with a core of its own.

Usage: python -m bench.peers.receiver CLIENT VERSION PORT [SECONDS]

``ours``       the engine's connection, compiled reader and market: bars of a second and, as each
               is complete, five indicators; eight conditions, two of which the trades meet
``ibapi``      EClient and EWrapper, an empty callback that counts
``ib_async``   IB as its users have it (tickers, events)
``ib_async_bare``  its Client and Decoder alone, on a wrapper that counts
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
import threading
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

WARM_S = 0.25
INDICATORS = (("ema", (20,)), ("sma", (50,)), ("rsi", (14,)), ("macd", (12, 26, 9)), ("atr", (14,)))


Took = tuple[float, float]  # seconds for a trade: by the clock, and of the processor


def clocks() -> NDArray[np.float64]:
    return np.array([time.perf_counter(), time.process_time()])


def cost(count: Callable[[], int], wait: Callable[[float], object], seconds: float) -> Took:
    wait(WARM_S)
    before, began = count(), clocks()
    wait(seconds)
    clock, processor = (clocks() - began) / max(count() - before, 1)
    return float(clock), float(processor)


def ours(version: int, port: int, seconds: float) -> Took:
    from _fast.market import Market
    from _fast.reader import Reader
    from engine.broker.connection import Connection
    from engine.broker.requests import Requests
    from engine.config import Broker
    from engine.sim.instruments import instrument

    broker = Broker(port=port, max_server_version=version)
    connection = Connection.open(broker, lambda: False)
    requests = Requests(connection.server_version)
    market = Market(capacity=1)
    market.bind(1, market.add(bar_seconds=1, trades_from=1))
    market.follow(0, INDICATORS)
    for number in range(8):
        market.when(0, "last", "above", (160.85 if number < 2 else 200.0) + number)
    market.when_study(0, ("ema", (20,), 0), "over", ("sma", (50,), 0))
    reader = Reader(connection.fileno(), -1, market, connection.server_version, connection.leftover)
    connection.send(requests.start_api(17))
    while not any(message[0] == 9 for _, message in reader.take()):
        reader.wait(1_000_000_000)
    connection.send(requests.tick_by_tick(1, instrument("IBM")))

    fires = [0]

    def wait(seconds: float) -> None:
        end = time.monotonic_ns() + int(seconds * 1e9)
        while (left := end - time.monotonic_ns()) > 0:
            reader.wait(left)
            reader.take()
            fires[0] += len(market.fires())

    found = cost(lambda: reader.ticks, wait, seconds)
    assert reader.bad_frames == market.unbound == market.late_trades == 0
    assert fires[0] > 0
    assert len(market.bars(0)) > 100
    return found


def ibapi(version: int, port: int, seconds: float) -> Took:
    import ibapi.client
    from ibapi.contract import Contract
    from ibapi.wrapper import EWrapper

    logging.getLogger("ibapi").setLevel(logging.WARNING)
    ibapi.client.MAX_CLIENT_VER = version
    ready = threading.Event()

    class Counter(EWrapper):
        count = 0

        def nextValidId(self, orderId: int) -> None:  # noqa: N802,N803
            ready.set()

        def tickByTickAllLast(self, *fields: object) -> None:  # noqa: N802
            self.count += 1

        def error(self, *fields: object) -> None:
            pass

    counter = Counter()
    client = ibapi.client.EClient(counter)
    client.connect("127.0.0.1", port, 17)
    threading.Thread(target=client.run, daemon=True).start()
    assert ready.wait(10), "no next order id"
    contract = Contract()
    contract.symbol, contract.secType, contract.exchange, contract.currency = ibm()
    client.reqTickByTickData(1, contract, "AllLast", 0, False)
    return cost(lambda: counter.count, time.sleep, seconds)


def ib_async(_: int, port: int, seconds: float) -> Took:
    from ib_async import IB, Stock

    async def run() -> Took:
        ib = IB()
        await ib.connectAsync("127.0.0.1", port, 17, timeout=10)
        (contract,) = await ib.qualifyContractsAsync(Stock(*ibm_short()))
        ticker = ib.reqTickByTickData(contract, "AllLast")
        counted = [0]

        def count(_: object) -> None:
            counted[0] += len(ticker.tickByTicks)

        ticker.updateEvent += count
        return await acost(lambda: counted[0], seconds)

    return asyncio.run(run())


def ib_async_bare(_: int, port: int, seconds: float) -> Took:
    from ib_async import Stock
    from ib_async.client import Client

    class Bare:
        """Every callback of the decoder, empty; trades are counted."""

        count = 0
        clientId = 17  # noqa: N815

        def __getattr__(self, name: str) -> Callable[..., None]:
            return lambda *fields, **named: None

        def tickByTickAllLast(self, *fields: object) -> None:  # noqa: N802
            self.count += 1

    async def run() -> Took:
        wrapper = Bare()
        client = Client(wrapper)
        await client.connectAsync("127.0.0.1", port, 17, timeout=10)
        client.reqTickByTickData(1, Stock(*ibm_short()), "AllLast", 0, False)
        return await acost(lambda: wrapper.count, seconds)

    return asyncio.run(run())


async def acost(count: Callable[[], int], seconds: float) -> Took:
    await asyncio.sleep(WARM_S)
    before, began = count(), clocks()
    await asyncio.sleep(seconds)
    clock, processor = (clocks() - began) / max(count() - before, 1)
    return float(clock), float(processor)


def ibm() -> tuple[str, str, str, str]:
    return "IBM", "STK", "SMART", "USD"


def ibm_short() -> tuple[str, str, str]:
    return "IBM", "SMART", "USD"


CLIENTS = {"ours": ours, "ibapi": ibapi, "ib_async": ib_async, "ib_async_bare": ib_async_bare}


def main() -> None:
    client, version, port, *rest = sys.argv[1:]
    seconds = float(rest[0]) if rest else 0.6
    print(json.dumps(CLIENTS[client](int(version), int(port), seconds)), flush=True)
    os._exit(0)  # ibapi's threads would take until they notice


if __name__ == "__main__":
    main()
