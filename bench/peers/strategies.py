"""A strategy as people write it with ibapi or ib_async, at the sender's port: a bracket of three
orders (market, stop 5 % below, target 1 % above) when the last price crosses 100.50.

Usage: python -m bench.peers.strategies CLIENT PORT

``ibapi``      an EWrapper whose tickPrice decides and places
``ib_async``   the handler of a ticker's updateEvent decides, IB.placeOrder places

Neither keeps a journal, checks a risk or looks after what it placed. Ends when its standard input
does.
"""

from __future__ import annotations

import logging
import os
import sys
import threading

LEVEL = 100.5
LAST = 4  # tick type
SHARES = 100
STOP, TARGET = 0.95, 1.01


class Crossing:
    """Whether a price has come above the level from below it."""

    def __init__(self) -> None:
        self._below = False

    def by(self, price: float) -> bool:
        crossed = self._below and price >= LEVEL
        self._below = price < LEVEL
        return crossed


def ibapi(port: int) -> None:
    from ibapi.client import EClient
    from ibapi.contract import Contract
    from ibapi.order import Order
    from ibapi.wrapper import EWrapper

    logging.getLogger("ibapi").setLevel(logging.WARNING)
    contract = Contract()
    contract.symbol, contract.secType, contract.exchange = "IBM", "STK", "SMART"
    contract.currency = "USD"
    crossing, ready = Crossing(), threading.Event()

    def order(action: str, kind: str, parent: int, last: bool) -> Order:
        made = Order()
        made.action, made.orderType, made.totalQuantity = action, kind, SHARES
        made.parentId, made.transmit, made.tif = parent, last, "DAY"
        return made

    class Strategy(EWrapper):
        order_id = 0

        def nextValidId(self, orderId: int) -> None:  # noqa: N802,N803
            self.order_id = orderId
            ready.set()

        def tickPrice(self, reqId: int, tickType: int, price: float, attrib: object) -> None:  # noqa: N802,N803
            if tickType != LAST or not crossing.by(price):
                return
            parent, self.order_id = self.order_id, self.order_id + 3
            entry = order("BUY", "MKT", 0, last=False)
            stop = order("SELL", "STP", parent, last=False)
            stop.auxPrice = round(price * STOP, 2)
            target = order("SELL", "LMT", parent, last=True)
            target.lmtPrice = round(price * TARGET, 2)
            for number, one in enumerate((entry, stop, target)):
                client.placeOrder(parent + number, contract, one)

        def error(self, *fields: object) -> None:
            pass

    client = EClient(Strategy())
    client.connect("127.0.0.1", port, 17)
    threading.Thread(target=client.run, daemon=True).start()
    assert ready.wait(10), "no next order id"
    client.reqMktData(1, contract, "", False, False, [])
    sys.stdin.read()


def ib_async(port: int) -> None:
    import asyncio

    from ib_async import IB, LimitOrder, MarketOrder, Stock, StopOrder, Ticker

    logging.getLogger("ib_async").setLevel(logging.ERROR)

    async def trade() -> None:
        ib, crossing = IB(), Crossing()
        ib.client.MaxRequests = 0  # else it holds back what is more than 45 requests a second
        await ib.connectAsync("127.0.0.1", port, 17, timeout=10)
        contract = Stock("IBM", "SMART", "USD")
        await ib.qualifyContractsAsync(contract)

        def updated(ticker: Ticker) -> None:
            price = ticker.last
            if not crossing.by(price):
                return
            parent = ib.client.getReqId()
            stop, target = round(price * STOP, 2), round(price * TARGET, 2)
            made = (
                MarketOrder("BUY", SHARES, orderId=parent, transmit=False),
                StopOrder("SELL", SHARES, stop, parentId=parent, transmit=False),
                LimitOrder("SELL", SHARES, target, parentId=parent, transmit=True),
            )
            for one in made:
                ib.placeOrder(contract, one)

        ib.reqMktData(contract).updateEvent += updated
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)

    asyncio.run(trade())


CLIENTS = {"ibapi": ibapi, "ib_async": ib_async}


def main() -> None:
    client, port = sys.argv[1:]
    CLIENTS[client](int(port))
    os._exit(0)


if __name__ == "__main__":
    main()
