"""Receives a saturated stream of tick-by-tick trades and prints how many a second it decoded.

Usage: python -m bench.peers.receiver CLIENT VERSION PORT [SECONDS]

``ours``       the engine's connection, compiled reader and market (bars and ATR included)
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

WARM_S = 0.25


def rate(count: Callable[[], int], wait: Callable[[float], object], seconds: float) -> float:
    wait(WARM_S)
    before, began = count(), time.perf_counter()
    wait(seconds)
    return (count() - before) / (time.perf_counter() - began)


def ours(version: int, port: int, seconds: float) -> float:
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
    market.bind(1, market.add(trades_from=1))
    reader = Reader(connection.fileno(), -1, market, connection.server_version, connection.leftover)
    connection.send(requests.start_api(17))
    while not any(message[0] == 9 for _, message in reader.take()):
        reader.wait(1_000_000_000)
    connection.send(requests.tick_by_tick(1, instrument("IBM")))

    def wait(seconds: float) -> None:
        end = time.monotonic_ns() + int(seconds * 1e9)
        while (left := end - time.monotonic_ns()) > 0:
            reader.wait(left)
            reader.take()

    found = rate(lambda: reader.ticks, wait, seconds)
    assert reader.bad_frames == market.unbound == market.late_trades == 0
    return found


def ibapi(version: int, port: int, seconds: float) -> float:
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
    return rate(lambda: counter.count, time.sleep, seconds)


def ib_async(_: int, port: int, seconds: float) -> float:
    from ib_async import IB, Stock

    async def run() -> float:
        ib = IB()
        await ib.connectAsync("127.0.0.1", port, 17, timeout=10)
        (contract,) = await ib.qualifyContractsAsync(Stock(*ibm_short()))
        ticker = ib.reqTickByTickData(contract, "AllLast")
        counted = [0]

        def count(_: object) -> None:
            counted[0] += len(ticker.tickByTicks)

        ticker.updateEvent += count
        return await arate(lambda: counted[0], seconds)

    return asyncio.run(run())


def ib_async_bare(_: int, port: int, seconds: float) -> float:
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

    async def run() -> float:
        wrapper = Bare()
        client = Client(wrapper)
        await client.connectAsync("127.0.0.1", port, 17, timeout=10)
        client.reqTickByTickData(1, Stock(*ibm_short()), "AllLast", 0, False)
        return await arate(lambda: wrapper.count, seconds)

    return asyncio.run(run())


async def arate(count: Callable[[], int], seconds: float) -> float:
    await asyncio.sleep(WARM_S)
    before, began = count(), time.perf_counter()
    await asyncio.sleep(seconds)
    return (count() - before) / (time.perf_counter() - began)


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
