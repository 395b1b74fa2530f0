"""ibapi with empty callbacks at the sender's port: when does it hand over a stamped status?

Usage: python -m bench.peers.ibapi_events PORT. Ends when its standard input does, and prints the
seconds from sent to the callback of each.
"""

import json
import logging
import os
import sys
import threading
import time

from ibapi.client import EClient
from ibapi.contract import Contract
from ibapi.order import Order
from ibapi.wrapper import EWrapper


class Empty(EWrapper):
    def __init__(self) -> None:
        super().__init__()
        self.applied: list[float] = []
        self.ready = threading.Event()
        self.order_id = 0

    def nextValidId(self, orderId: int) -> None:  # noqa: N802,N803
        self.order_id = orderId
        self.ready.set()

    def orderStatus(self, *fields: object) -> None:  # noqa: N802
        stamp = fields[-1]
        if stamp and isinstance(stamp, float) and stamp < 1e15:
            self.applied.append(time.monotonic() - stamp)

    def tickByTickAllLast(self, *fields: object) -> None:  # noqa: N802
        pass

    def error(self, *fields: object) -> None:
        pass


def main() -> None:
    logging.getLogger("ibapi").setLevel(logging.WARNING)
    wrapper = Empty()
    client = EClient(wrapper)
    client.connect("127.0.0.1", int(sys.argv[1]), 17)
    threading.Thread(target=client.run, daemon=True).start()
    assert wrapper.ready.wait(10), "no next order id"
    contract = Contract()
    contract.symbol, contract.secType, contract.exchange = "IBM", "STK", "SMART"
    contract.currency = "USD"
    client.reqTickByTickData(1, contract, "AllLast", 0, False)
    order = Order()
    order.action, order.totalQuantity, order.orderType, order.lmtPrice = "BUY", 1, "LMT", 95.0
    order.tif = "DAY"
    client.placeOrder(wrapper.order_id, contract, order)
    sys.stdin.read()
    print(json.dumps({"applied": wrapper.applied}), flush=True)
    os._exit(0)


if __name__ == "__main__":
    main()
