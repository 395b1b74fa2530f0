"""A simulated TWS for the tests of any client, in a few words.

    with TwsSim(symbols=["IBM"]) as tws:
        client.connect(tws.host, tws.port, 1)
        tws.quote("IBM", 99.98, 100.0)
        tws.fault("order:1 drop execDetails count=1")
        ...
        assert tws.position("IBM") == 100
        assert tws.report()["uncovered_max_ms"] == 0

Its market is quiet: it is quoted once, and moves when the test says so. ``MemoryTws`` is the same
without sockets and in virtual time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from types import TracebackType
from typing import Any, Final, Self

from engine.errors import UserError
from engine.sim import instruments, market
from engine.sim.exchange import Exchange
from engine.sim.fault_script import parse
from engine.sim.launch import ACCOUNT, DAY
from engine.sim.profiles import policies as chosen
from engine.sim.records import MarketTick, SimExecution, SimOrder
from engine.sim.server import SimServer
from engine.sim.wire_messages import VERSION_MAX

HOST: Final = "127.0.0.1"
SYMBOLS: Final = ("AAPL", "IBM", "MSFT")
PRICE: Final = 100.0  # of a symbol whose price nobody states
SPREAD: Final = 0.02
SIZE: Final = 1_000
WAIT_S: Final = 10.0
_LOOK_S: Final = 0.005


class TwsSim:
    """One TWS on a port of the loopback interface, from ``start`` (or ``with``) until ``stop``.

    Args:
        symbols: the stocks it knows.
        prices: where they are quoted at the start; 100 for the others.
        faults: lines of a script (docs/simulator.md).
        profile: a set of policies, by its name.
        policies: how this broker answers what IB leaves open, by name.
        seed: of chances, and of a generated market.
        max_server_version: 176 to 226; up to 200 the wire is text.
        speed: exchange seconds that pass in one second.
        generated: a market that moves by itself instead of a quiet one.
        day: the trading day; the clock begins with its regular session.
        port: where clients connect; 0 takes a free one.

    Raises:
        UserError: in one line, what cannot be.
    """

    def __init__(
        self,
        symbols: Sequence[str] = SYMBOLS,
        *,
        prices: Mapping[str, float] | None = None,
        faults: Iterable[str] = (),
        profile: str = "default",
        policies: Mapping[str, Any] | None = None,
        account: str = ACCOUNT,
        seed: int = 0,
        max_server_version: int = VERSION_MAX,
        speed: float = 1.0,
        generated: bool = False,
        day: date = DAY,
        port: int = 0,
    ) -> None:
        given = dict(prices or {})
        unknown = sorted(set(given) - set(symbols))
        if unknown:
            raise UserError(f"prices: {unknown[0]} is not among the symbols")
        hours = (instruments.session(day),)
        start_ns = hours[0][0]
        known = instruments.instruments(symbols, hours)
        self.exchange: Final = Exchange(
            known, account, chosen(profile, policies, seed), seed, start_ns, 1
        )
        source = (
            market.generate(symbols, seed, start_ns, hours[0][1], prices=given, hours=hours)
            if generated
            else _first_quotes(symbols, given, start_ns)
        )
        self._server = SimServer(
            self.exchange,
            source,
            port=port,
            speed=speed,
            max_server_version=max_server_version,
            faults=parse(faults),
            seed=seed,
        )
        self.host: Final = HOST

    # -- life ----------------------------------------------------------------------------------

    @property
    def port(self) -> int:
        return self._server.port

    def start(self) -> Self:
        self._server.start()
        return self

    def stop(self) -> None:
        """End it. Raises what made it fail."""
        self._server.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    # -- prices and faults ---------------------------------------------------------------------

    def quote(self, symbol: str, bid: float, ask: float, size: int = SIZE) -> None:
        """Bid and ask change, one after the other; the side that makes room goes first."""
        operations = self._server.operations
        self._server.call(lambda: operations.quote(symbol, bid, ask, size))

    def trade(self, symbol: str, price: float, size: int = 100) -> None:
        """A trade prints."""
        operations = self._server.operations
        self._server.call(lambda: operations.tick(symbol, "T", price, size))

    def walk(self, symbol: str, *prices: float) -> None:
        """The market goes there step by step: each price is quoted around, and trades."""
        for price in prices:
            self.quote(symbol, round(price - SPREAD / 2, 4), round(price + SPREAD / 2, 4))
            self.trade(symbol, price)

    def bulletin(self, text: str) -> None:
        """A news bulletin, for whoever has asked for them."""
        self._server.call(lambda: self._server.operations.bulletin(text))

    def fault(self, line: str) -> None:
        """One more thing that goes wrong, now or when the line says. Raises ConfigError."""
        self._server.call(lambda: self._server.operations.add_fault(line))

    def faults(self) -> dict[str, int]:
        """Every fault by its line, with how often it has happened."""
        told = self._server.call(self._server.operations.faults)
        return {row["fault"]: row["happened"] for row in told}

    # -- the truth -----------------------------------------------------------------------------

    def position(self, symbol: str) -> Decimal:
        return self._server.call(lambda: self.exchange.position(symbol))

    def open_orders(self) -> list[SimOrder]:
        """Live orders of all clients, oldest first."""
        return self._server.call(self.exchange.open_orders)

    def completed_orders(self) -> list[SimOrder]:
        return self._server.call(self.exchange.completed_orders)

    def executions(self) -> list[SimExecution]:
        return self._server.call(self.exchange.executions)

    def report(self) -> dict[str, Any]:
        """The witness's whole record, as JSON data."""
        return self._server.report()

    def until(self, condition: Callable[[], Any], wait_s: float = WAIT_S) -> Any:
        """What ``condition`` gives once it is true. Raises TimeoutError when it never is."""
        deadline = time.monotonic() + wait_s
        while not (found := condition()):
            if time.monotonic() > deadline:
                raise TimeoutError(f"the condition did not come true within {wait_s:g} s")
            time.sleep(_LOOK_S)
        return found


def _first_quotes(
    symbols: Sequence[str], prices: Mapping[str, float], start_ns: int
) -> Iterator[MarketTick]:
    for symbol in symbols:
        middle = prices.get(symbol, PRICE)
        for kind, away in (("B", -SPREAD / 2), ("A", SPREAD / 2)):
            price = round(middle + away, 4)
            yield MarketTick(start_ns, symbol, kind, price, SIZE)  # type: ignore[arg-type]
