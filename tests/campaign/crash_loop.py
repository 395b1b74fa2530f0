"""Let the whole engine die at every write, sync, send and receive, and start it again.

    python -m tests.campaign.crash_loop                    # every point of every scene
    python -m tests.campaign.crash_loop --scene reversal --side short --point send:4:part

Everything runs in memory and virtual time: the engine with its session and its journal, on a disk
that forgets what was not synced, at a simulated TWS. A run without a crash counts the points.
Then, for each, the engine dies there: what was not synced is lost or torn, what was being sent
has arrived, in part or not at all. It starts again from its disk on the same exchange, hears all
signals again, and must come to an end that a run without a crash could have had.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Final, get_args

import attrs

from engine import recorder
from engine.commands import Place
from engine.core import Core
from engine.engine import Engine
from engine.errors import JournalError
from engine.events import AlertEvent
from engine.inputs import ExecutionReported, Input, IntentsArmed
from engine.journal import Journal
from engine.recovery import rebuild
from engine.sim.memory import MemoryTws
from tests.campaign.mortals import WAYS, MortalJournal, MortalTransport, Point
from tests.campaign.scenes import SCENES, SECOND, SYMBOL, Act, Scene, Side
from tests.faulty_disk import Died, FaultyDisk

DOWN_S: Final = (0.0, 0.0, 3.0, 20.0)  # how long nobody starts it again
SETTLE_S: Final = 40.0  # after the last act, and after a restart, until all must be well
NAKED_S: Final = 15.0  # the longest that shares may stand uncovered while the engine runs
OPENING: Final = "EAL"  # how references of what opens go on: entry, add, leg
UNPROTECTED: Final = frozenset({"oco"})  # its shares are the caller's
SIDES: Final[tuple[Side, ...]] = get_args(Side)


Timed = tuple[float, Act]  # when it is handed over, which is not always when it was made


def on_time(acts: Iterable[Act]) -> list[Timed]:
    return [(act[0], act) for act in acts]


@attrs.frozen
class Outcome:
    """What came of a run, in shares."""

    opened: int
    closed: int
    held: int

    def __str__(self) -> str:
        return f"{self.opened} opened, {self.closed} closed, {self.held} held"


@contextlib.contextmanager
def often() -> Iterator[None]:
    """Snapshots and new files as often as a short run can have them."""
    names = {"SNAPSHOT_RECORDS": 6, "PAUSE_RECORDS": 3, "FILE_RECORDS": 8}
    before = {name: getattr(recorder, name) for name in names}
    for name, value in names.items():
        setattr(recorder, name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(recorder, name, value)


class Play:
    """One scene, played to its end through any number of deaths."""

    def __init__(self, scene: Scene, side: Side, folder: Path, seed: int = 1) -> None:
        self.scene, self.side, self.folder, self.seed = scene, side, folder, seed
        self.config = scene.config()
        self.tws = scene.tws(side, seed)
        self.place = folder / "J"
        self.faults: list[str] = []
        self.alerts: list[AlertEvent] = []
        self.counts: Counter[str] = Counter()
        self.answers: dict[Act, Future[Any]] = {}
        self.down_ns = 0
        self.engine: Engine | None = None

    # -- running -------------------------------------------------------------------------------

    def run(self, acts: Sequence[Timed], until_s: float, point: Point | None = None) -> bool:
        """Run the engine until then, or until it dies; whether it came to its end."""
        disk = FaultyDisk(
            die_at=point.number if point is not None and point.where == "disk" else 0,
            seed=self.seed,
        )
        transport = MortalTransport(self.tws, disk, point)
        try:
            with often():
                self._live(disk, transport, acts, until_s)
            died = False
        except (Died, JournalError):
            if not disk.dead:
                raise
            died = True
        self.counts.update(transport.counts)
        self.counts["disk"] += disk.counts["any"]
        if died:
            self._bury(disk, transport, power=point is not None and point.way == "power")
        else:
            disk.close()
            if point is not None:
                self.faults.append(f"point {point} was never reached")
        return not died

    def _live(
        self, disk: FaultyDisk, transport: MortalTransport, acts: Sequence[Timed], until_s: float
    ) -> None:
        journal = MortalJournal.open(self.place, "full", disk)
        self._journal = journal
        engine = Engine(self.config, journal, transport=transport, run=f"r{self.seed:05}")
        self.engine = engine
        engine.subscribe(AlertEvent, self.alerts.append)
        start_ns = self.scene.start_ns
        for when_s, act in acts:
            at_ns = start_ns + int(when_s * SECOND)
            transport.at(at_ns, lambda act=act: self.ask(engine, act))  # type: ignore[misc]
        transport.at(start_ns + int(until_s * SECOND), engine.stop)
        engine.run()
        disk.die_if_dead()

    def ask(self, engine: Engine, act: Act) -> None:
        at_s, what = act
        asked = self.scene.asked(what, self.side, self.scene.start_ns + int(at_s * SECOND))
        if isinstance(asked, Input):
            self.answers[act] = engine._inbox.put(asked)
        else:
            self.answers[act] = engine.publish(asked)

    def answered(self, act: Act) -> bool:
        """Whether the one who asked knows that it is on record."""
        answer = self.answers.get(act)
        return answer is not None and answer.done() and answer.exception() is None

    def _bury(self, disk: FaultyDisk, transport: MortalTransport, power: bool) -> None:
        """What the system does with a dead process, and what is left of its files."""
        transport.hang_up()
        journal = getattr(self, "_journal", None)
        if journal is not None:
            for close in (journal._store.close, journal._files.close):
                with contextlib.suppress(Exception):
                    close()
        if self.engine is not None:
            with contextlib.suppress(OSError):
                self.engine._inbox.close()
            self.engine.ways.stop()
        disk.crash(self.folder, power)

    def pass_time(self, seconds: float) -> None:
        """Nobody starts it again for so long; the market goes on."""
        self.down_ns += int(seconds * SECOND)
        self.tws.run_for(seconds)

    # -- judging -------------------------------------------------------------------------------

    def outcome(self) -> Outcome:
        traded: Counter[bool] = Counter()
        for execution in self.tws.exchange.executions():
            opens = execution.order_ref.rpartition("-")[2][:1] in OPENING
            traded[opens] += int(execution.quantity)
        return Outcome(traded[True], traded[False], int(self.tws.exchange.position(SYMBOL)))

    def judge(self) -> list[str]:
        """What must hold at the end, whatever has happened: the exchange's own record against
        the journal, and what an operator would see."""
        found = list(self.faults)
        try:
            with Journal.open(self.place) as journal:
                core = rebuild(journal, self.config)
                journal.verify()
                found += list(_sent(journal, self.tws))
            found += list(self._believed(core))
        except Exception as problem:  # whatever it is, it is found
            found.append(f"{type(problem).__name__}: {problem}")
        outcome, bare = self.outcome(), self.scene.name in UNPROTECTED
        left = abs(outcome.held) if not self.scene.ends_flat else 0
        if outcome.opened not in self.scene.opens or outcome.opened - outcome.closed != left:
            found.append(f"no run without a crash ends like this: {outcome}")
        oracle = self.tws.exchange.oracle
        if oracle.crossings:
            found.append(f"{oracle.crossings} crossings of zero")
        naked_ns = oracle.report()["uncovered_max_ms"] * 1e6
        if not bare and naked_ns - self.down_ns > NAKED_S * SECOND:
            found.append(f"shares stood uncovered for {naked_ns / 1e9:.1f} s")
        return found

    def _believed(self, core: Core) -> Iterator[str]:
        """The engine's view is the broker's truth, and what is held is protected or told."""
        exchange, state = self.tws.exchange, core.state
        held = exchange.position(SYMBOL)
        told = SYMBOL in state.frozen
        if state.held(SYMBOL) != held and not told:
            yield f"holds {held}, believes {state.held(SYMBOL)}"
        there = {order.order_ref for order in exchange.open_orders()}
        ours = {one.spec.order_ref for one in state.orders.values() if not one.dead}
        if there != ours and not told:
            lost, strange = sorted(ours - there), sorted(there - ours)
            yield f"open orders {strange} are not known, {lost} are not there"
        context = state.current.get(SYMBOL)
        if there and not held and context is None and self.scene.name not in UNPROTECTED:
            yield f"orphans: {sorted(there)}"
        for order in exchange.open_orders():
            if order.status == "PendingSubmit":
                yield f"{order.order_ref} was never transmitted, and is still there"
        watch = exchange.oracle._watches.get(SYMBOL)
        bare = watch.shares if watch is not None else 0
        if bare and not told and self.scene.name not in UNPROTECTED:
            yield f"{bare} of {held} shares are not protected"


def _sent(journal: Journal, tws: MemoryTws) -> Iterator[str]:
    """Nothing was sent twice, and everything that the exchange has is in the journal."""
    places: dict[str, Place] = {}
    known: set[str] = set()
    ahead: set[int] = set()  # order ids that were armed
    last_id = 0
    for record in journal.records():
        known |= {one.execution_id for one in record.inputs if isinstance(one, ExecutionReported)}
        for one in record.inputs:
            if isinstance(one, IntentsArmed):
                ahead |= {number for intent in one.intents for number in intent.order_ids}
        for command in record.commands:
            if isinstance(command, Place):
                if command.order_id <= last_id:
                    yield f"order id {command.order_id} follows {last_id}"
                last_id = command.order_id
                if command.spec.order_ref in places:
                    yield f"{command.spec.order_ref} was given twice"
                places[command.spec.order_ref] = command
    exchange = tws.exchange
    seen: dict[str, set[int]] = {}
    for order in [*exchange.open_orders(), *exchange.completed_orders()]:
        seen.setdefault(order.order_ref, set()).add(order.perm_id)
    for ref, ids in seen.items():
        if len(ids) > 1:
            yield f"{ref} was at the exchange {len(ids)} times"
        if ref not in places and int(ref.rpartition("-")[2][1:]) not in ahead:
            yield f"{ref} is at the exchange, and the journal never placed it"
    filled: Counter[str] = Counter()
    for execution in exchange.executions():
        filled[execution.order_ref] += execution.quantity  # type: ignore[assignment]
        if execution.execution_id not in known:
            yield f"execution {execution.execution_id} is not in the journal"
    for ref, quantity in filled.items():
        if ref in places and "-E" in ref and quantity > places[ref].spec.quantity:
            yield f"entry {ref} filled {quantity}"


# -- one point ---------------------------------------------------------------------------------


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    base = Path("/dev/shm")
    found = Path(tempfile.mkdtemp(prefix="crash-loop-", dir=base if base.is_dir() else None))
    inner = found / "disk"
    inner.mkdir()
    try:
        yield inner
    finally:
        shutil.rmtree(found)


def count_points(scene: Scene, side: Side, seed: int) -> list[Point]:
    """All points of a run without a crash."""
    with folder() as place:
        play = Play(scene, side, place, seed)
        play.run(on_time(scene.acts), scene.lasts_s)
        faults = play.judge()
        assert not faults, f"{scene.name} {side} without a crash: {faults}"
        return [
            Point(where, number, way)
            for where, ways in WAYS.items()
            for number in range(1, play.counts[where] + 1)
            for way in ways
        ]


def _end_s(play: Play) -> float:
    now_s = (play.tws.now_ns - play.scene.start_ns) / SECOND
    return max(play.scene.lasts_s, now_s + SETTLE_S)


def crash(scene: Scene, side: Side, point: Point, seed: int) -> tuple[list[str], Outcome]:
    """Die at a point, start again; what was found wrong, and the outcome."""
    chance = random.Random(f"{scene.name}/{side}/{point}/{seed}")
    with folder() as place:
        play = Play(scene, side, place, seed)
        if not play.run(on_time(scene.acts), scene.lasts_s, point):
            play.pass_time(chance.choice(DOWN_S))
            now_s = (play.tws.now_ns - scene.start_ns) / SECOND
            # Whoever sends signals sends all of them again after a failure; a person asks again
            # if there was no answer.
            again = [
                (max(act[0], now_s + 2.0), act)
                for act in scene.acts
                if act[1] in ("BUY", "SHORT") or not play.answered(act)
            ]
            play.run(again, _end_s(play))
        return play.judge(), play.outcome()


# -- all of them -------------------------------------------------------------------------------


@attrs.define
class Tally:
    points: int = 0
    failed: list[str] = attrs.field(factory=list)
    outcomes: Counter[Outcome] = attrs.field(factory=Counter)


def examine(scene: Scene, side: Side, points: Sequence[Point], seed: int) -> Tally:
    tally = Tally()
    for point in points:
        tally.points += 1
        found, outcome = crash(scene, side, point, seed)
        tally.outcomes[outcome] += 1
        if found:
            tally.failed.append(f"{point}: {'; '.join(found)}")
    return tally


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    names = [scene.name for scene in SCENES]
    parser.add_argument("--scene", choices=names, action="append", help="only this one")
    parser.add_argument("--side", choices=SIDES, action="append", help="only this one")
    parser.add_argument("--point", help="only this one, as WHERE:NUMBER:WAY")
    parser.add_argument("--sample", type=int, default=0, help="only so many points of each")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args(arguments)
    points = failed = 0
    for scene in SCENES:
        for side in SIDES:
            if scene.name not in (asked.scene or names) or side not in (asked.side or SIDES):
                continue
            began = time.monotonic()
            chosen = count_points(scene, side, asked.seed)
            if asked.point:
                chosen = [Point.parse(asked.point)]
            elif asked.sample and asked.sample < len(chosen):
                chosen = random.Random(asked.seed).sample(chosen, asked.sample)
            tally = examine(scene, side, chosen, asked.seed)
            points, failed = points + tally.points, failed + len(tally.failed)
            print(
                f"{scene.name} {side}: {tally.points} points, {len(tally.failed)} failed, "
                f"{time.monotonic() - began:.0f} s; "
                + "; ".join(f"{n} x {one}" for one, n in tally.outcomes.most_common()),
                flush=True,
            )
            for told in tally.failed:
                point, _, what = told.partition(": ")
                print(f"    FAULT {what}")
                print(
                    f"      again: python -m tests.campaign.crash_loop --scene {scene.name} "
                    f"--side {side} --point {point} --seed {asked.seed}"
                )
    print(f"{points} crash points, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
