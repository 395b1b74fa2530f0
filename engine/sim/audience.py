"""Who hears of an order, and under which number.

An order is told to the client that placed it, and to the master client, which hears of all. The
user of TWS has no client: what is entered by hand belongs to client 0 once it is *bound* to it
under a negative number; until then, and to everybody else, its number is 0.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import attrs

from engine.sim.client import Client
from engine.sim.orders import snapshot
from engine.sim.policies import NO_MASTER, Policies
from engine.sim.records import SimExecution, SimOrder
from engine.sim.wire_messages import ORDER_BOUND

BINDING_CLIENT: Final = 0


class Audience:
    """The clients of one exchange as far as orders go; ``bound`` are permIds."""

    def __init__(self) -> None:
        self._bound: set[int] = set()

    def of(self, owner: int, clients: Iterable[Client], policies: Policies) -> list[Client]:
        """Who is told of an order of ``owner``."""
        master = policies.master_client_id
        wanted = owner, owner if master == NO_MASTER else master
        return [one for one in clients if one.client_id in wanted and one.ready]

    def announce(self, client: Client, order: SimOrder) -> None:
        """Bind an order by hand to a client that has asked for such; it is told when it is new."""
        if order.order_id < 0 and client.client_id == BINDING_CLIENT and client.binds:
            self.bind(client, order)

    def bind(self, client: Client, order: SimOrder) -> None:
        """Give an order by hand the number by which client 0 can change and cancel it."""
        if order.order_id < 0 and order.perm_id not in self._bound:
            self._bound.add(order.perm_id)
            client.send(ORDER_BOUND, order.perm_id, order.client_id, order.order_id)

    def order(self, client: Client, order: SimOrder) -> SimOrder:
        """An order with the number by which ``client`` knows it."""
        if order.order_id >= 0 or self._knows(client, order.perm_id):
            return order
        shown = snapshot(order)
        shown.order_id = 0
        return shown

    def execution(self, client: Client, execution: SimExecution) -> SimExecution:
        """An execution with the number by which ``client`` knows its order."""
        if execution.order_id >= 0 or self._knows(client, execution.perm_id):
            return execution
        return attrs.evolve(execution, order_id=0)

    def _knows(self, client: Client, perm_id: int) -> bool:
        """Whether it has the number of an order by hand."""
        return client.client_id == BINDING_CLIENT and perm_id in self._bound
