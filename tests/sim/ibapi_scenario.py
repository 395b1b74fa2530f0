"""A strategy's day against the simulator with whatever ``ibapi`` is importable; JSON on stdout.

Run in a process of its own, because distributions of several generations provide that module.
Usage: ibapi_scenario.py PORT CLIENT_ID [MAX_CLIENT_VERSION]
"""

import inspect
import json
import logging
import sys
import threading

import ibapi.client
from ibapi.client import EClient
from ibapi.contract import Contract
from ibapi.execution import ExecutionFilter
from ibapi.order import Order
from ibapi.wrapper import EWrapper

logging.getLogger("ibapi").setLevel(logging.CRITICAL)
DEADLINE_S = 20.0


class Recorder(EWrapper):
    """Keeps the arguments of every callback; each arrival wakes who waits."""

    def __init__(self):
        super().__init__()
        self.seen = {}
        self.arrived = threading.Condition()

    def __getattribute__(self, name):
        found = super().__getattribute__(name)
        if name.startswith("_") or name in ("seen", "arrived", "wait") or not callable(found):
            return found
        if name.endswith("ProtoBuf") or name == "logAnswer":
            return found

        def record(*arguments):
            with self.arrived:
                self.seen.setdefault(name, []).append(arguments)
                self.arrived.notify_all()

        return record

    def wait(self, name, condition=bool):
        with self.arrived:
            done = self.arrived.wait_for(
                lambda: name in self.seen and condition(self.seen[name]), DEADLINE_S
            )
        if not done:
            raise SystemExit(f"no {name} within {DEADLINE_S} s; got {sorted(self.seen)}")
        return self.seen[name]


def order(order_id, action, kind, limit=None, stop=None, parent=0, transmit=True):
    made = Order()
    made.orderId, made.action, made.orderType = order_id, action, kind
    made.totalQuantity, made.tif, made.parentId, made.transmit = 100, "GTC", parent, transmit
    made.orderRef = f"ref-{order_id}"
    if limit is not None:
        made.lmtPrice = limit
    if stop is not None:
        made.auxPrice = stop
    return made


def cancel(client, order_id):
    if "orderCancel" in inspect.signature(client.cancelOrder).parameters:
        from ibapi.order_cancel import OrderCancel

        client.cancelOrder(order_id, OrderCancel())
    else:
        client.cancelOrder(order_id, "")


def main(port, client_id, max_version):
    if max_version:
        ibapi.client.MAX_CLIENT_VER = max_version
    seen = Recorder()
    client = EClient(seen)
    client.connect("127.0.0.1", port, client_id)
    thread = threading.Thread(target=client.run, daemon=True)
    thread.start()
    first_id = seen.wait("nextValidId")[0][0]

    asked = Contract()
    asked.symbol, asked.secType, asked.exchange, asked.currency = "IBM", "STK", "SMART", "USD"
    client.reqContractDetails(1, asked)
    seen.wait("contractDetailsEnd")
    details = seen.seen["contractDetails"][0][1]
    contract = details.contract
    contract.primaryExchange = ""  # ibapi 10.37.2 raises when it puts one into an order

    client.reqMktData(2, contract, "", False, False, [])
    prices = seen.wait("tickPrice", lambda rows: {1, 2, 4} <= {row[1] for row in rows})
    ask = [row[2] for row in prices if row[1] == 2][-1]
    legs = [
        order(first_id, "BUY", "LMT", limit=round(ask + 0.5, 2), transmit=False),
        order(
            first_id + 1, "SELL", "LMT", limit=round(ask + 50, 2), parent=first_id, transmit=False
        ),
        order(first_id + 2, "SELL", "STP", stop=round(ask - 50, 2), parent=first_id),
    ]
    for leg in legs:
        client.placeOrder(leg.orderId, contract, leg)
    report = "commissionAndFeesReport"
    if not hasattr(EWrapper, report):
        report = "commissionReport"
    commissions = seen.wait(report)
    seen.wait("orderStatus", lambda rows: any(row[:2] == (first_id, "Filled") for row in rows))
    cancel(client, first_id + 1)
    seen.wait(
        "orderStatus", lambda rows: any(row[:2] == (first_id + 1, "Cancelled") for row in rows)
    )
    seen.wait("error", lambda rows: any(202 in row for row in rows))

    client.reqPositions()
    client.reqExecutions(3, ExecutionFilter())
    client.reqAllOpenOrders()
    client.reqCompletedOrders(False)
    client.reqAccountUpdates(True, "")
    client.reqHistoricalData(4, contract, "", "1 D", "1 min", "TRADES", 1, 1, False, [])
    client.reqRealTimeBars(5, contract, 5, "TRADES", True, [])
    client.reqTickByTickData(6, contract, "AllLast", 0, False)
    client.reqMarketRule(int(details.marketRuleIds.split(",")[0]))
    for name in (
        "positionEnd", "execDetailsEnd", "openOrderEnd", "completedOrdersEnd",
        "accountDownloadEnd", "historicalDataEnd", "realtimeBar", "tickByTickAllLast", "marketRule",
    ):  # fmt: skip
        seen.wait(name)
    rows = seen.seen
    execution = rows["execDetails"][-1][2]
    answer = {
        "version": client.serverVersion(),
        "accounts": rows["managedAccounts"][0][0],
        "symbol": contract.symbol,
        "conId": contract.conId,
        "hours": details.liquidHours,
        "ask": ask,
        "positions": [[row[0], row[1].symbol, str(row[2]), row[3]] for row in rows["position"]],
        "execution": {
            "shares": str(execution.shares), "price": execution.price, "side": execution.side,
            "time": execution.time, "orderId": execution.orderId, "orderRef": execution.orderRef,
            "live": rows["execDetails"][0][0], "asked": rows["execDetails"][-1][0],
        },
        "commission": getattr(commissions[0][0], "commissionAndFees", None)
        or commissions[0][0].commission,
        "open": [[row[2].orderType, row[2].parentId, str(row[2].totalQuantity), row[2].auxPrice,
                  row[2].orderRef, row[3].status] for row in rows["openOrder"]][-1],
        "completed": sorted(row[2].status for row in rows["completedOrder"]),
        "values": {row[0]: row[1] for row in rows["updateAccountValue"]},
        "bars": len(rows["historicalData"]),
        "bar_date": rows["historicalData"][0][1].date,
        "rule": [[row.lowEdge, row.increment] for row in rows["marketRule"][0][1]],
        "errors": [[value for value in row if isinstance(value, int)] for row in rows["error"]],
    }  # fmt: skip
    client.disconnect()
    thread.join(DEADLINE_S)
    answer["joined"] = not thread.is_alive()
    print(json.dumps(answer))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 0)
