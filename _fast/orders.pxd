# Order, execution, position, account and error messages as plain tuples of one layout, whatever
# the format and the version of the server. All times, ids and prices are what TWS sent.
#
#  (3, orderId, status, filled, remaining, avgFillPrice, permId, parentId, lastFillPrice,
#      clientId, whyHeld, mktCapPrice)                                        orderStatus
#  (4, id, code, text, advancedRejectJson, time_ms)                           error; id -1: none
#  (5, orderId, conId, symbol, secType, action, quantity, orderType, lmtPrice|None,
#      auxPrice|None, tif, ocaGroup, account, orderRef, clientId, permId, ocaType, parentId,
#      status, trailStopPrice|None, trailingPercent|None)                     openOrder
#  (6, key, value, currency, account)                                         accountValue
#  (9, orderId)                                                               nextValidId
#  (11, reqId, orderId, conId, symbol, execId, time, account, exchange, side, shares, price,
#      permId, clientId, liquidation, cumQty, avgPrice, orderRef, lastLiquidity)  execDetails
#  (15, "A,B")                                                                managedAccounts
#  (49, epoch_s)  (109, epoch_ms)                                             currentTime, ...Millis
#  (53,)  (55, reqId)  (62,)  (102,)     ends of open orders, executions, positions, completed
#  (59, execId, commission|None, currency, realizedPNL|None)                  commissionAndFees
#  (61, account, conId, symbol, secType, currency, position, avgCost)         position
#
# Quantities are the decimal text of the wire, "" if it was not sent: they become exact numbers
# in one place, engine/money.py. Of the other numbers, what TWS left unset is None where the
# layout says so and otherwise 0. An execution without execId or price is a fault: a fill that
# is read as free would be believed.

from _fast.fields cimport Fault, Message

cdef bint is_order(int msg_id) noexcept nogil

# The tuple, or None with `fault` set. Raises UnicodeDecodeError.
cdef tuple order_tuple(const Message* message, int server_version, Fault* fault)
