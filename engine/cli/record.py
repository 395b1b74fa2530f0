"""``engine record``: what a market does, as tick files; nothing is ordered.

An engine without rules and without a way in for signals is connected like one that trades, with
its reconnections and subscriptions, and its kill switch is pulled. What TWS sends is kept as it
comes; at the end the ticks are made of it.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import attrs

from engine.capture import MAGIC
from engine.cli.options import RunOptions
from engine.cli.progress import gauge
from engine.cli.run import REFRESH_S, Interrupts
from engine.cli.settings import settings_of
from engine.config import Broker, Config
from engine.engine import Engine
from engine.errors import DataFileError, LimitError, UserError
from engine.inputs import HaltRequested
from engine.replay.tick_files import TickFiles
from engine.replay.wire import Seen, Wire
from engine.sources import SignalSources

VIEW_TIMEOUT_S: Final = 0.2


@attrs.frozen(kw_only=True)
class RecordOptions:
    """``keep``: the capture stays beside the ticks."""

    out: Path
    config: Path | None
    symbols: tuple[str, ...]
    host: str | None
    port: int | None
    client_id: int | None
    account: str | None
    live: bool
    speed: float | None
    seconds: float | None
    keep: bool


def record(options: RecordOptions) -> int:
    """Until told to end; the exit code.

    Raises:
        UserError: one line on what a person must mend. What came before is kept as a capture.
    """
    if not options.out.is_dir():
        raise UserError(f"{options.out}: is no directory; make it first")
    config = _watching(options)
    path = options.out / f"wire-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.cap"
    try:
        with Interrupts() as interrupts:
            _listen(Engine(config, record=path), options.seconds, interrupts)
    except UserError:
        if path.exists() and path.stat().st_size == len(MAGIC):
            path.unlink()  # nothing came
        raise
    try:
        with contextlib.closing(TickFiles(options.out)) as files:
            seen = Wire(path, files, config.broker.clock_rate).run()
    except DataFileError as problem:
        raise UserError(
            f"{problem}; the capture {path} has it all: engine replay --capture makes ticks of it"
        ) from None
    if not options.keep:
        path.unlink()
    sys.stdout.write("\n".join(_lines(seen, files, path if options.keep else None)) + "\n")
    return 0


def _watching(options: RecordOptions) -> Config:
    """The settings of a run, without everything that could make an order."""
    given = RunOptions(
        config=options.config,
        symbols=options.symbols,
        host=options.host,
        port=options.port,
        client_id=options.client_id,
        account=options.account,
        live=options.live,
        speed=options.speed,
    )
    settings = settings_of(given)
    if settings.simulated:  # nobody has said where: TWS is where it is by default
        settings = settings_of(attrs.evolve(given, port=Broker().port))
    config = settings.config
    broker = config.broker
    if options.client_id is None:  # beside an engine that trades
        broker = attrs.evolve(broker, client_id=broker.client_id + 1)
    return attrs.evolve(
        config,
        broker=broker,
        strategy=attrs.evolve(config.strategy, pattern=False, rules=()),
        signals=SignalSources(),
        web=None,
    )


def _listen(engine: Engine, seconds: float | None, interrupts: Interrupts) -> None:
    """Until it is asked to end, or the time is over."""
    with engine, gauge(note="{task.fields[ticks]:,} messages", ticks=0) as update:
        engine.submit(HaltRequested(1, "record", "it only records"))
        update(description="recording")
        while not interrupts.event.wait(REFRESH_S):
            if engine.problem is not None:
                raise engine.problem
            if seconds is not None and time.monotonic() - interrupts.since >= seconds:
                return
            try:
                view = engine.view(VIEW_TIMEOUT_S)
            except (TimeoutError, LimitError):
                continue  # it is connecting
            quoted = sum(one.market.bid is not None for one in view.symbols)
            update(description=f"{view.session}, {quoted} quoted", ticks=view.ticks)


def _lines(seen: Seen, files: TickFiles, kept: Path | None) -> Iterator[str]:
    yield (
        f"{sum(seen.ticks.values()):,} ticks of {len(seen.ticks)} symbols, "
        f"{len(seen.connections)} connections"
    )
    for text, times in sorted(seen.unreadable.items()):
        yield f"UNREADABLE {times:,} times: {text}"
    if seen.undated:
        yield f"{seen.undated:,} changes came before the exchange told its time, and are left out"
    yield from (f"wrote {path}" for path in files.paths)
    if kept is not None:
        yield f"kept {kept}"
