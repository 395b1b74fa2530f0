"""The acts of faults: what happens at one moment to connections, messages, market and broker."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Final

from engine.sim.client import Client
from engine.sim.depth import DepthStream
from engine.sim.desk import Desk
from engine.sim.fault_messages import ORDER_NEWS, MessageFaults, unknown
from engine.sim.fault_plan import FaultPlan
from engine.sim.faults import Fault
from engine.sim.incidents import TEXTS, Incidents, text_of
from engine.sim.streams import QuoteStream, Stream
from engine.sim.timers import Timers

_MARKET_STREAMS: Final = frozenset({1, 50, 97})
_FARMS: Final = {
    "usfarm": (2103, 2104, "Market data farm connection is"),
    "ushmds": (2105, 2106, "HMDS data farm connection is"),
    "secdefnj": (2157, 2158, "Sec-def data farm connection is"),
}
_BAD_LENGTH: Final = b"\xff\xff\xff\xf0"
_DELAYED, _LIVE = 3, 1  # market data types
_BAD_QUOTES: Final[Mapping[str, Callable[[float, float], tuple[float, float, int]]]] = {
    "missing": lambda bid, ask: (-1.0, -1.0, 0),
    "zero": lambda bid, ask: (0.0, 0.0, 0),
    "crossed": lambda bid, ask: (ask + 0.05, bid - 0.05, 100),
    "nan": lambda bid, ask: (float("nan"), float("nan"), 0),
}


class FaultActs:
    """Performs acts, and ends what they began."""

    def __init__(
        self, desk: Desk, plan: FaultPlan, incidents: Incidents, messages: MessageFaults
    ) -> None:
        self._desk = desk
        self._exchange = desk.exchange
        self._plan = plan
        self._incidents = incidents
        self._messages = messages
        self.timers = Timers()
        self._muted: Counter[str | None] = Counter()  # what keeps ticks from TWS; None: all ticks
        self.refusing_until_ns = 0
        self.lower_ids = 0  # by so much begin the ids of the next to connect
        self.links_down = 0  # faults that keep TWS from its server
        self._answers: list[dict[str, Any]] = []  # policies that faults have changed, as they began
        self._own_answers: dict[str, Any] = {}  # and what they would be without
        self._acts: dict[str, Callable[[Fault], bool]] = {
            "reset": self._reset,
            "close": self._close,
            "bad-length": self._bad_length,
            "unknown-message": self._unknown_message,
            "half-open": self._half_open,
            "stall": self._stall,
            "say": self._say,
            "say-order": self._say_order,
            "quote": self._quote,
            "link-down": self._link_down,
            "farm-down": self._farm_down,
            "reset-window": self._reset_window,
            "restart": self._restart,
            "policy": self._policy,
            "halt": incidents.halt,
            "liquidate": incidents.liquidate,
            "order-by-hand": incidents.order_by_hand,
            "cancel-by-hand": incidents.cancel_by_hand,
            "change-by-hand": incidents.change_by_hand,
        }

    def perform(self, fault: Fault) -> None:
        """Let an act happen; it is counted if there was anything for it to happen to."""
        happened: list[bool] = []
        act = self._acts[fault.kind.name]
        self._desk.publish(self._exchange.let(lambda: happened.append(act(fault))))
        if happened[0]:
            self._plan.count(fault)

    def reach(self, now_ns: int) -> None:
        """End what has lasted long enough."""
        while (due := self.timers.pop(now_ns)) is not None:
            due[1]()

    def _after(self, lasts_ns: int | None, what: Callable[[], object]) -> None:
        """``what`` so much later; None: never."""
        if lasts_ns is not None:
            self.timers.at(self._plan.now_ns + lasts_ns, what)

    # -- connections ----------------------------------------------------------------------------

    def _clients(self, fault: Fault) -> Iterator[Client]:
        for client in list(self._desk.clients):
            if client.ready and of_client(client.number, fault):
                yield client

    def _each(self, fault: Fault, act: Callable[[Client], None]) -> bool:
        found = list(self._clients(fault))
        for client in found:
            act(client)
        return bool(found)

    def _reset(self, fault: Fault) -> bool:
        return self._each(fault, _abort)

    def _close(self, fault: Fault) -> bool:
        return self._each(fault, _end)

    def _bad_length(self, fault: Fault) -> bool:
        return self._each(fault, lambda client: client.queue(_BAD_LENGTH))

    def _unknown_message(self, fault: Fault) -> bool:
        clients = [client for client in self._desk.clients if client.ready]
        for client in clients:
            client.queue(unknown(client.wire.version))
        return bool(clients)

    def _half_open(self, fault: Fault) -> bool:
        def mute(client: Client) -> None:
            client.line.deaf = client.line.stalled = True
            self._after(fault["for"], partial(_abort, client))

        return self._each(fault, mute)

    def _stall(self, fault: Fault) -> bool:
        def stop(client: Client) -> None:
            client.line.stalled = True
            self._after(fault["for"], partial(_go_on, client))

        return self._each(fault, stop)

    def _restart(self, fault: Fault) -> bool:
        lasts_ns = fault["for"]
        self.refusing_until_ns = self._plan.now_ns + (lasts_ns or 0)
        self.lower_ids = fault["lower"] or 0
        for client in list(self._desk.clients):
            _abort(client)
        return True

    # -- what is told ---------------------------------------------------------------------------

    def _tell(self, number: int, code: int, text: str) -> bool:
        clients = [client for client in self._desk.clients if client.ready]
        for client in clients:
            self._desk.error(client, number, code, text)
        return bool(clients)

    def _say(self, fault: Fault) -> bool:
        return self._tell(fault["id"], fault["code"], text_of(fault))

    def _say_order(self, fault: Fault) -> bool:
        orders = self._exchange.open_orders()
        for client in self._desk.clients:
            mine = [one for one in orders if client.ready and one.client_id == client.client_id]
            if mine:
                self._desk.error(client, mine[-1].order_id, fault["code"], text_of(fault))
                return True
        return False

    def _mute(self, symbol: str | None, lasts_ns: int | None) -> None:
        self._muted[symbol] += 1
        self._after(lasts_ns, partial(self._unmute, symbol))

    def darkens(self, symbol: str) -> bool:
        """Whether something keeps all data of ``symbol`` from TWS."""
        return bool(self._muted[None] or self._muted[symbol])

    def _unmute(self, symbol: str | None) -> None:
        """Who subscribed meanwhile is shown the market now."""
        self._muted[symbol] -= 1
        for client in self._desk.clients:
            for stream in list(client.streams.values()) if client.ready else ():
                if symbol in (None, stream.symbol) and not self.darkens(stream.symbol):
                    client.put_all(self._caught_up(stream))

    def _caught_up(self, stream: Stream) -> list[bytes]:
        if isinstance(stream, DepthStream):
            return stream.start(self._desk.quote(stream.symbol))
        if isinstance(stream, QuoteStream) and stream.dark:
            stream.dark = False
            return stream.shows(self._desk.quote(stream.symbol), self._desk.last_ns(stream.symbol))
        return []

    def _quote(self, fault: Fault) -> bool:
        symbol, what = fault["symbol"], fault["what"]
        if self._exchange.instrument(symbol) is None:
            return False
        quote = self._desk.quote(symbol)
        streams = list(self._desk.quotes(symbol))
        for client, stream in streams:
            if what == "delayed":
                client.put(stream.data_type(_DELAYED))
            else:
                shown = _BAD_QUOTES[what](quote.bid or 0.0, quote.ask or 0.0)
                client.put_all(stream.sides(*shown))
        if what != "delayed":
            self._mute(symbol, fault["for"])
        self._after(fault["for"], partial(self._requote, symbol))
        return bool(streams)

    def _requote(self, symbol: str) -> None:
        """The market as it is."""
        quote = self._desk.quote(symbol)
        for client, stream in self._desk.quotes(symbol):
            client.put_all(stream.start(quote, self._desk.last_ns(symbol)))

    # -- the broker -----------------------------------------------------------------------------

    def _link_down(self, fault: Fault) -> bool:
        lasts_ns, restored = fault["for"], fault["restored"]
        self._tell(-1, 1100, TEXTS[1100])
        self._muted[None] += 1
        self.links_down += 1
        if fault["fills"] == "held" and lasts_ns is not None:
            # The word that the link stands again comes first, then all that happened meanwhile.
            self._after(lasts_ns - 1, partial(self._link_up, restored, fault["data"] or 0))
            self._messages.hold(self._plan.now_ns + lasts_ns, ORDER_NEWS)
        else:
            self._after(lasts_ns, partial(self._link_up, restored, fault["data"] or 0))
        return True

    def _link_up(self, restored: str, data_ns: int) -> None:
        self.links_down -= 1
        if restored != "none":
            self._tell(-1, int(restored), TEXTS[int(restored)])
        if restored == "1101":  # data lost: clients have to ask for them again
            for client in self._desk.clients:
                for key in [key for key in client.streams if key[0] in _MARKET_STREAMS]:
                    del client.streams[key]
        self._after(data_ns, partial(self._unmute, None))

    def _farm_down(self, fault: Fault) -> bool:
        name = fault["farm"]
        broken, restored, text = _FARMS[name]
        self._tell(-1, broken, f"{text} broken:{name}")
        self._after(fault["for"], partial(self._tell, -1, restored, f"{text} OK:{name}"))
        if name == "usfarm":
            self._mute(None, fault["for"])
        return True

    def _reset_window(self, fault: Fault) -> bool:
        until_ns = self._plan.now_ns + (fault["for"] or 0)
        self._messages.hold(until_ns, ORDER_NEWS)
        self._incidents.freeze_stops(until_ns)
        return True

    def _policy(self, fault: Fault) -> bool:
        answers = dict(fault["answer"])
        before = self._incidents.answer(answers)
        for name, own in before.items():
            if not any(name in others for others in self._answers):
                self._own_answers[name] = own
        self._answers.append(answers)
        self._after(fault["for"], partial(self._withdraw, answers))
        return True

    def _withdraw(self, answers: dict[str, Any]) -> None:
        """What others have begun meanwhile goes on; else the broker answers as it did."""
        self._answers = [one for one in self._answers if one is not answers]
        now = {name: self._own_answers[name] for name in answers}
        for one in self._answers:
            now |= {name: answer for name, answer in one.items() if name in now}
        self._incidents.answer(now)


def of_client(client_id: int, fault: Fault) -> bool:
    return fault["client"] is None or fault["client"] == client_id


def of_symbol(symbol: str, fault: Fault) -> bool:
    return fault["symbol"] is None or fault["symbol"] == symbol


def _abort(client: Client) -> None:
    client.line.aborted = True
    client.closing = client.closing or "a fault reset the connection"


def _end(client: Client) -> None:
    client.closing = client.closing or "a fault closed the connection"


def _go_on(client: Client) -> None:
    client.line.stalled = False
