"""``engine replay --capture``: recorded bytes through the reader, and what they were."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import attrs

from engine.errors import UserError
from engine.monitor.files import check_outputs, words_beside, write_json
from engine.replay.tick_files import TickFiles
from engine.replay.wire import Seen, Wire


def replay_wire(path: Path, ticks: Path | None, json: Path | None) -> int:
    """Read a capture, and write its ticks to files in the directory ``ticks``; 1 when there was
    something in it that nobody can read.

    Raises:
        UserError: no capture, a directory that is none, or files that are there already.
    """
    if ticks is not None and not ticks.is_dir():
        raise UserError(f"{ticks}: is no directory; make it first")
    check_outputs([json], [path])
    began = time.monotonic()
    if ticks is None:
        wire, paths = Wire(path), []
        wire.run()
    else:
        with contextlib.closing(TickFiles(ticks)) as files:
            wire, paths = Wire(path, files), files.paths
            wire.run()
    took_s = time.monotonic() - began
    told = words_beside(json)
    told.write("\n".join(_lines(wire, paths, took_s)) + "\n")
    told.flush()
    if json is not None:
        write_json(json, {"seconds": round(took_s, 3), **attrs.asdict(wire.seen)})
    return 1 if wire.seen.unreadable else 0


def _lines(wire: Wire, paths: list[Path], took_s: float) -> Iterator[str]:
    seen: Seen = wire.seen
    versions = ", ".join(map(str, seen.connections)) or "none"
    yield f"connections {len(seen.connections)} (version {versions})"
    yield (
        f"frames {seen.frames:,}, {seen.bytes:,} bytes, {seen.market:,} messages about prices, "
        f"{took_s:.1f} s"
    )
    for name, times in sorted(seen.inputs.items()):
        yield f"  {name} {times:,}"
    for text, times in sorted(seen.unreadable.items()):
        yield f"UNREADABLE {times:,} times: {text}"
    for symbol, row in sorted(wire.rows.items()):
        bid, ask, last, *_ = wire.market.view(row)
        ticks = f", {seen.ticks[symbol]:,} ticks" if paths else ""
        yield f"{symbol}: bid {_price(bid)}, ask {_price(ask)}, last {_price(last)}{ticks}"
    if seen.undated:
        yield f"{seen.undated:,} changes came before the exchange told its time, and are left out"
    yield from (f"wrote {path}" for path in paths)


def _price(value: float | None) -> str:
    return "-" if value is None else f"{value:.10g}"
