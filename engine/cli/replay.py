"""``engine replay``: a journal decided once more, and what would be decided otherwise."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import attrs

from engine.cli.progress import bar
from engine.errors import UserError
from engine.monitor.files import check_outputs, words_beside, write_json
from engine.replay.difference import NOTHING, Difference
from engine.replay.other_version import OtherVersion
from engine.replay.replay import Replayed, replay

PRINTED_MAX: Final = 50  # differences; all are in the report
OTHERWISE: Final = 1


def replay_journal(place: Path, against: Path | None, json: Path | None) -> int:
    """Replay and tell; 1 when something is or would be decided otherwise.

    Raises:
        UserError: there is no journal, it is damaged, or the other version does not start.
    """
    if not place.is_file():
        raise UserError(f"{place}: there is no journal")
    check_outputs([json], [place])
    began = time.monotonic()
    with _other(against) as other, bar("replaying") as show:
        found = replay(place, other, show)
    took_s = time.monotonic() - began
    told = words_beside(json)
    told.write("\n".join(_lines(found, against, took_s)) + "\n")
    told.flush()
    if json is not None:
        write_json(json, {"seconds": round(took_s, 3), **attrs.asdict(found)})
    return OTHERWISE if found.differences or found.unequal else 0


@contextlib.contextmanager
def _other(place: Path | None) -> Iterator[OtherVersion | None]:
    if place is None:
        yield None
        return
    with contextlib.closing(OtherVersion(place)) as other:
        yield other


def _lines(found: Replayed, against: Path | None, took_s: float) -> Iterator[str]:
    for note in found.notes:
        yield f"note: {note}"
    for one in found.differences[:PRINTED_MAX]:
        yield from _told(one)
    if (more := len(found.differences) - PRINTED_MAX) > 0:
        yield f"… and {more} more; --json FILE has all"
    last = found.first + found.records - 1
    runs = ", ".join(f"{times} by {version}" for version, times in Counter(found.runs).items())
    yield f"records {found.first} to {last}, runs: {runs or 'none'}, {took_s:.1f} s"
    yield from _verdicts(found, against)
    yield f"state {found.digest}"


def _told(one: Difference) -> Iterator[str]:
    moment = datetime.fromtimestamp(one.now_ns // 1_000_000_000, UTC)
    milliseconds = one.now_ns // 1_000_000 % 1000
    who = "other" if one.other else "now"
    since = "" if one.follows is None else f", may follow from record {one.follows}"
    symbols = " ".join(one.symbols) or NOTHING
    yield f"record {one.seq} {moment:%Y-%m-%d %H:%M:%S}.{milliseconds:03} {symbols}{since}"
    for recorded, decided in one.pairs:
        if recorded:
            yield f"    recorded  {recorded}"
        yield f"    {who:<8}  {decided}"


def _verdicts(found: Replayed, against: Path | None) -> Iterator[str]:
    for other in (False, True) if against is not None else (False,):
        count = sum(one.other == other for one in found.differences)
        who = f"{against}" if other else "this version"
        yield f"{who}: " + (
            f"{count} records decided otherwise" if count else "every decision as it was recorded"
        )
    for count in found.snapshots:
        equal = "differs" if count in found.unequal else "is equal, bit for bit"
        yield f"the state after record {count} and its snapshot: {equal}"
