"""Setting a simulator up from tick files or the generator, and running it to its end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final

from engine.errors import UserError
from engine.sim import instruments, market
from engine.sim.exchange import Exchange
from engine.sim.faults import Fault
from engine.sim.policies import Policies
from engine.sim.records import MarketTick
from engine.sim.server import SimServer
from engine.sim.tape import Tape
from engine.sim.wire_messages import VERSION_MAX
from engine.ticks import files
from engine.ticks.part import Part

PORT: Final = 7497  # of TWS with a paper account
ACCOUNT: Final = "DU0000001"
DAY: Final = date(2024, 1, 3)  # of a generated market
_SECOND_NS: Final = 1_000_000_000


def from_files(
    given: Sequence[Path | Part],
    *,
    seed: int = 0,
    account: str = ACCOUNT,
    policies: Policies | None = None,
    instance: int = 1,
    size_share: float = 1.0,
) -> tuple[Exchange, Tape]:
    """An exchange whose market is replayed from tick files, several days and symbols at will;
    ``size_share`` is how much of every size there is.

    The exchange's clock begins with the second of the first tick.

    Raises:
        UserError: no files, two of the same symbol and day, or one that cannot be read.
    """
    if not given:
        raise UserError("simulator: name at least one tick file, or symbols for a generated market")
    parts = files.parts(given)
    source = files.tape(parts, size_share)
    first = next(source, None)
    if first is None:
        raise UserError(f"{parts[0].path}: has no ticks")
    source.at = 0
    hours = tuple(instruments.session(day) for day in sorted({one.day for one in parts}))
    exchange = Exchange(
        instruments.instruments(source.symbols, hours),
        account,
        policies or Policies(),
        seed,
        first.time_ns - first.time_ns % _SECOND_NS,
        instance,
    )
    return exchange, source


def generated(
    symbols: Sequence[str],
    *,
    seed: int = 0,
    day: date = DAY,
    last: date | None = None,
    ticks_per_s: float = 4.0,
    volatility: float = 0.0001,
    prints: float = 0.2,
    prices: Mapping[str, float] | None = None,
    account: str = ACCOUNT,
    policies: Policies | None = None,
    instance: int = 1,
) -> tuple[Exchange, Iterator[MarketTick]]:
    """An exchange with a seeded market for one trading day, or all from it to the ``last``. Raises
    UserError for a bad symbol."""
    hours = instruments.sessions(day, last or day) or (instruments.session(day),)
    source = market.generate(
        symbols,
        seed,
        hours[0][0],
        hours[-1][1],
        ticks_per_s=ticks_per_s,
        volatility=volatility,
        prints=prints,
        prices=prices,
        hours=hours,
    )
    known = instruments.instruments(symbols, hours)
    exchange = Exchange(known, account, policies or Policies(), seed, hours[0][0], instance)
    return exchange, source


def run_sim(
    *,
    ticks: Sequence[Path] = (),
    symbols: Sequence[str] = (),
    day: date = DAY,
    port: int = PORT,
    seed: int = 0,
    speed: float = 1.0,
    max_server_version: int = VERSION_MAX,
    account: str = ACCOUNT,
    policies: Policies | None = None,
    hold: bool = False,
    linger_s: float | None = None,
    control_port: int | None = None,
    instance: int = 1,
    faults: Sequence[Fault] = (),
    on_listening: Callable[[SimServer], None] = lambda server: None,
) -> dict[str, Any]:
    """Run a simulator in this thread until it is stopped; its last report.

    ``ticks`` are replayed; without them ``symbols`` get a generated market on ``day``.
    ``on_listening`` is called once, when clients can connect.

    Raises:
        UserError: in one line, a port that is in use, or data that cannot be read.
    """
    common: dict[str, Any] = {
        "seed": seed,
        "account": account,
        "policies": policies,
        "instance": instance,
    }
    if symbols and not ticks:
        exchange, source = generated(symbols, day=day, **common)
    else:
        exchange, source = from_files(ticks, **common)
    server = SimServer(
        exchange,
        source,
        port=port,
        speed=speed,
        hold=hold,
        max_server_version=max_server_version,
        control_port=control_port,
        linger_s=linger_s,
        faults=faults,
        seed=seed,
    )
    server.listen()
    try:
        on_listening(server)
        server.serve()
    finally:
        server.stop()
    return server.report()
