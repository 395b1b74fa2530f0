"""``engine sim``: the simulated TWS as a process of its own."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from types import FrameType
from typing import Final

import attrs

from engine.errors import UserError
from engine.monitor.files import check_outputs, write_json
from engine.sim import fault_draw, fault_script, instruments
from engine.sim.faults import Fault
from engine.sim.launch import DAY, run_sim
from engine.sim.policies import answers
from engine.sim.profiles import policies
from engine.sim.server import SimServer
from engine.ticks import files

GENERATED: Final = ("AAPL", "IBM", "MSFT")
DRAWN: Final = "draw"  # instead of a script: faults of the seed
DRAWN_WITHIN_NS: Final = 1_800_000_000_000  # half an hour of the exchange


@attrs.frozen(kw_only=True)
class SimOptions:
    """``attended_s``: the starter holds the other end of our standard input; once it has gone,
    end after so many seconds without a client (0: at once)."""

    port: int
    ticks: tuple[Path, ...]
    symbols: tuple[str, ...]
    day: str
    seed: int
    speed: float
    max_server_version: int
    account: str
    hold: bool
    linger_s: float | None
    control_port: int | None
    profile: str
    policies: tuple[str, ...]
    faults: str  # a script, or the word "draw"
    seconds: float | None
    json: Path | None
    instance: int
    attended_s: float | None


def simulate(options: SimOptions) -> None:
    """Serve until a signal, the time limit, the control channel or lingering ends it.

    Raises:
        UserError: a port in use, a file that cannot be read, a setting out of range.
    """
    if options.ticks and options.symbols:
        raise UserError("--symbols are those of a generated market; leave them out with --ticks")
    check_outputs([options.json], options.ticks)
    symbols = () if options.ticks else options.symbols or GENERATED
    day = _day(options.day)
    chosen = policies(options.profile, answers(options.policies), options.seed)
    faults = _faults(options.faults, options.seed, symbols or _symbols(options.ticks))
    market_words = _check_ticks(options.ticks) if options.ticks else _generated(symbols, day)

    def listening(server: SimServer) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda _number, _frame: server.end())
        if options.seconds is not None:
            _after(options.seconds, server)
        if options.attended_s is not None:
            _attend(options.attended_s, server)
        sys.stdout.write(_line(server, options, market_words))
        sys.stdout.flush()

    _end_early_in_order()
    report = run_sim(
        ticks=options.ticks,
        symbols=symbols,
        day=day,
        port=options.port,
        seed=options.seed,
        speed=options.speed,
        max_server_version=options.max_server_version,
        account=options.account,
        policies=chosen,
        hold=options.hold,
        linger_s=options.linger_s,
        control_port=options.control_port,
        instance=options.instance,
        faults=faults,
        on_listening=listening,
    )
    if options.json is not None:
        write_json(options.json, report)


def _faults(script: str, seed: int, symbols: Sequence[str]) -> list[Fault]:
    """Raises UserError naming file, line and mend."""
    if not script:
        return []
    if script == DRAWN:
        return fault_draw.draw(seed, symbols, DRAWN_WITHIN_NS)
    return fault_script.read(Path(script))


def _symbols(paths: Sequence[Path]) -> list[str]:
    return sorted({one.symbol for one in files.parts(paths)})


def _day(text: str) -> date:
    if not text:
        return DAY
    try:
        return instruments.day_of(text)
    except ValueError:
        years = f"{instruments.YEARS[0]} to {instruments.YEARS[-1]}"
        raise UserError(f"--day {text}: write a date of {years} as YYYYMMDD") from None


def _check_ticks(paths: Sequence[Path]) -> str:
    """Read the files once: what is wrong in the middle of one is told before anybody trades on
    its beginning. Returns the market in words."""
    parts = files.parts(paths)
    tape = files.tape(parts)
    while tape.read():
        pass
    found = sorted({(one.symbol, one.day) for one in parts})
    return ", ".join(f"{symbol} {day.isoformat()}" for symbol, day in found)


def _generated(symbols: Sequence[str], day: date) -> str:
    for symbol in symbols:
        instruments.instrument(symbol)  # refuses what is no symbol
    return f"{' '.join(symbols)} generated for {day.isoformat()}"


def _line(server: SimServer, options: SimOptions, market_words: str) -> str:
    told = [
        f"server version {options.max_server_version}",
        f"account {options.account}",
        market_words,
        f"speed {options.speed:g}",
    ]
    if server.control_port is not None:
        told.append(f"control 127.0.0.1:{server.control_port}")
    return f"simulator: listening on 127.0.0.1:{server.port} ({', '.join(told)})\n"


# -- ends --------------------------------------------------------------------------------------


def _end_early_in_order() -> None:
    """Until it listens there is nothing to end in order but the process."""

    def leave(number: int, _frame: FrameType | None) -> None:
        sys.exit(0)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, leave)


def _after(seconds: float, server: SimServer) -> None:
    timer = threading.Timer(seconds, server.end)
    timer.daemon = True
    timer.start()


def _attend(patience_s: float, server: SimServer) -> None:
    """End when whoever started us has gone and nobody has come in its place. The server lingers
    after a client that left; this is for one that never came."""

    def watch() -> None:
        # Ends when the other end is closed, or its process killed. Not by way of sys.stdin: its
        # lock, held by a thread that sleeps, aborts the interpreter at its end.
        while os.read(0, 4096):
            pass
        if not server.visited:
            threading.Event().wait(patience_s)
        if not server.visited:
            server.end()

    threading.Thread(target=watch, name="attend", daemon=True).start()
