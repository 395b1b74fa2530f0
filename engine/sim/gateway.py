"""A TWS without sockets: clients' bytes in, frames for each client out.

The server moves bytes and time; everything that TWS decides is decided here and below. The same
gateway serves any number of clients in memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from engine.errors import DecodeError, FrameError
from engine.loggers import logger
from engine.sim import (
    answers_account,
    answers_contracts,
    answers_history,
    answers_market,
    answers_options,
    answers_orders,
    answers_research,
    answers_scanner,
    answers_session,
    instruments,
)
from engine.sim.answers import Answer
from engine.sim.client import Client
from engine.sim.delivery import BACKLOG_BYTES_MAX, Delivery
from engine.sim.desk import Desk
from engine.sim.exchange import Exchange
from engine.sim.fault_desk import FaultDesk
from engine.sim.fault_plan import FaultPlan
from engine.sim.incidents import TEXTS
from engine.sim.limits import BREACHES_MAX
from engine.sim.records import MarketTick
from engine.sim.wire import ClientWire, Encoders
from engine.sim.wire_asks import START_API
from engine.sim.wire_messages import (
    MANAGED_ACCOUNTS,
    NEXT_VALID_ID,
    VERSION_MAX,
    VERSION_MIN,
)
from engine.sim.wire_requests import Request
from engine.sim.wire_time import handshake_time

FARMS: Final = (
    (2104, "Market data farm connection is OK:usfarm"),
    (2106, "HMDS data farm connection is OK:ushmds"),
    (2158, "Sec-def data farm connection is OK:secdefnj"),
)
LINK_LOST: Final = ((1100, TEXTS[1100]),)
ID_IN_USE: Final = (
    "Unable to connect as the client id is already in use. Retry with a unique client id."
)
_LOG: Final = logger("engine.sim")


ANSWERS: Final[Mapping[int, Answer]] = {
    **answers_account.ANSWERS,
    **answers_contracts.ANSWERS,
    **answers_history.ANSWERS,
    **answers_market.ANSWERS,
    **answers_options.ANSWERS,
    **answers_orders.ANSWERS,
    **answers_research.ANSWERS,
    **answers_scanner.ANSWERS,
    **answers_session.ANSWERS,
}


class Gateway:
    """Clients of one exchange.

    Args:
        exchange: whose clock and state all clients share.
        max_server_version: the newest version to offer, 176 to 226.
        backlog_bytes_max: of frames that wait for one client.
        plan: what is to go wrong; None: nothing.
    """

    def __init__(
        self,
        exchange: Exchange,
        max_server_version: int = VERSION_MAX,
        backlog_bytes_max: int = BACKLOG_BYTES_MAX,
        plan: FaultPlan | None = None,
    ) -> None:
        assert VERSION_MIN <= max_server_version <= VERSION_MAX, max_server_version
        self.exchange = exchange
        self.max_server_version = max_server_version
        self.backlog_bytes_max: Final = backlog_bytes_max
        self._encoders = Encoders()
        self.desk = Desk(exchange)
        self._timers = exchange.floor.timers
        self.faults: FaultDesk | None = None
        if plan is not None:
            self.break_by(plan)

    def break_by(self, plan: FaultPlan) -> FaultDesk:
        """Let the faults of ``plan`` happen from now on."""
        self.faults = FaultDesk(self.desk, plan)
        for client in self.clients:
            client.passage = self.faults
        return self.faults

    @property
    def clients(self) -> list[Client]:
        return self.desk.clients

    # -- connections ---------------------------------------------------------------------------

    def open(self, label: str) -> Client:
        """A new connection; one more than TWS allows is to be closed at once."""
        delivery = Delivery(self.backlog_bytes_max)
        client = Client(ClientWire(self.max_server_version, delivery, self._encoders), label)
        if self.faults is not None:
            self.faults.opened(client)
        most = self.exchange.policies.clients_max
        if len(self.clients) >= most:
            client.closing = f"{most} clients are connected, which is the most"
        else:
            self.clients.append(client)
        return client

    def close(self, client: Client) -> None:
        """The connection has ended. Orders live on; only the subscriptions end with it."""
        if client in self.clients:
            self.clients.remove(client)

    def receive(self, client: Client, data: bytes) -> None:
        """Act on what a client sent. Nothing that it sends raises: at worst it is disconnected."""
        if client.line.deaf:
            return
        greeting = ""
        if client.client_id is None:
            greeting = handshake_time(self.desk.now_ns, instruments.ZONE_NAME)
        try:
            for request in client.wire.feed(data, greeting):
                if client.closing:
                    return
                client.requests_total += 1
                self._answer(client, request)
        except FrameError as problem:
            client.closing = str(problem)

    def _answer(self, client: Client, request: Request | DecodeError) -> None:
        desk = self.desk
        if isinstance(request, DecodeError):
            _LOG.warning("%s: unreadable request: %s", client.label, request)
            desk.error(client, -1, 320, f"Error reading request:{request}")
            return
        if client.client_id is None:
            self._start(client, request)
            return
        if self._too_fast(client, request):
            return
        answer = ANSWERS.get(request.id)
        if answer is not None and self.faults is not None:
            self.faults.carry_out(answer, client, request)
        elif answer is not None:
            answer(desk, client, request)
        elif request.id != START_API:
            _LOG.warning("%s: unknown message id %d", client.label, request.id)
            desk.error(client, -1, 505, f"Fatal Error: Unknown message id. {request.id}")

    def _too_fast(self, client: Client, request: Request) -> bool:
        """Whether this is one message too many within a second; then it is refused, and may be
        the last one."""
        policies, now_ns = self.exchange.policies, self.desk.now_ns
        most = policies.messages_per_s
        if not most or client.wire.paced or (count := client.rate.count(now_ns)) <= most:
            return False
        client.rate.breach(now_ns)
        text = f"Max rate of messages per second has been exceeded:max={most} rec={count}"
        breaches = client.rate.breaches
        self.desk.error(client, request.request_id, 100, f"{text} ({breaches})")
        if policies.over_rate == "disconnect" and breaches >= BREACHES_MAX:
            client.closing = text
        return True

    def _start(self, client: Client, request: Request) -> None:
        """Until startApi has said who it is, a client can ask for nothing else."""
        desk = self.desk
        if request.id != START_API:
            desk.error(client, request.request_id, 321, "The API has not been started.")
            return
        client_id = request.number("clientId")
        busy = any(one.client_id == client_id for one in self.clients)
        if busy or (self.faults is not None and self.faults.id_busy(client_id)):
            desk.error(client, -1, 326, ID_IN_USE)
            client.closing = f"client id {client_id} is already in use"
            return
        client.client_id = client_id
        if self.faults is not None:
            self.faults.started()
        _LOG.info("%s: client %d, version %d", client.label, client_id, client.wire.version)
        client.send(MANAGED_ACCOUNTS, desk.account)
        next_id = self.exchange.next_order_id(client_id)
        client.send(NEXT_VALID_ID, desk.distortion.first_id(next_id))
        lost = self.faults is not None and self.faults.link_lost
        for code, text in LINK_LOST if lost else FARMS:
            desk.error(client, -1, code, text)
        if client_id == self.exchange.policies.master_client_id:
            for order in self.exchange.open_orders():
                desk.tell_order(client, order)

    # -- market and time -----------------------------------------------------------------------

    @property
    def next_timer_ns(self) -> int | None:
        """When ``advance`` next has something to do, None while nothing is due."""
        exchange_ns = self._timers.next_ns
        fault_ns = None if self.faults is None else self.faults.next_ns
        if exchange_ns is None or (fault_ns is not None and fault_ns < exchange_ns):
            return fault_ns
        return exchange_ns

    def tick(self, tick: MarketTick) -> None:
        """One change of the market, at its own time or, when that has passed, now."""
        if self.faults is not None:
            self.faults.advance(tick.time_ns, self._move)
        notices = self.exchange.on_tick(tick)
        self.desk.now_ns = self.exchange.now_ns
        self.desk.publish(notices)
        if self.faults is not None:
            self.faults.settle()

    def advance(self, now_ns: int) -> None:
        """Let the exchange's clock reach ``now_ns``."""
        if self.faults is not None:
            self.faults.advance(now_ns, self._move)
        self._move(now_ns)
        if self.faults is not None:
            self.faults.settle()

    def _move(self, now_ns: int) -> None:
        """However much time passes at once, what happens in it is told as of its own moment."""
        while (due_ns := self._timers.next_ns) is not None and due_ns < now_ns:
            self._reach(due_ns)
        self._reach(now_ns)

    def _reach(self, now_ns: int) -> None:
        notices = self.exchange.advance(now_ns)
        self.desk.now_ns = self.exchange.now_ns
        self.desk.publish(notices)
        self.desk.advance(self.exchange.now_ns)
