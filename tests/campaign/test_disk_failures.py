"""The disk refuses in the middle of a trade: entries end, nothing leaves that a restart would not
know, somebody is told, and when it is back the journal has everything and the trade its stop."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from engine.commands import Amend, Cancel, Command, Place
from engine.engine import Engine
from engine.errors import LimitError
from engine.events import AlertEvent
from engine.inputs import ResumeRequested
from engine.journal import JournalFailed
from engine.orders import OPENING_ROLES
from engine.signals.schema import parse_signal
from tests.campaign.crash_loop import Play, folder, on_time
from tests.campaign.mortals import MortalJournal, MortalTransport
from tests.campaign.scenes import SCENES, SECOND, SYMBOL, Scene
from tests.faulty_disk import FaultyDisk

PARTIAL = next(scene for scene in SCENES if scene.name == "partial-fills")
DOUBLE_DOWN = next(scene for scene in SCENES if scene.name == "double-down")
LIVE_S = 5.0  # by then it is connected
HEALS_S = 50.0


class Refused(Play):
    """A scene on a disk that refuses from some operation, or time, on until it is well again."""

    def __init__(
        self, scene: Scene, place: Path, refuse: dict[str, range], from_s: float = 0.0
    ) -> None:
        super().__init__(scene, "long", place)
        self.disk = FaultyDisk()
        self.left: list[Command] = []  # while nothing could be made durable
        self.refuse = refuse
        self.from_s = from_s
        self.healed = False

    def play(self, *acts: tuple[float, Callable[[Engine], object]]) -> None:
        transport = MortalTransport(self.tws, self.disk, None)
        self._journal = MortalJournal.open(self.place, "full", self.disk)
        start_ns = self.scene.start_ns
        if self.from_s:
            transport.at(start_ns + int(self.from_s * SECOND), self._refuse)
        else:
            self.disk.counts = dict.fromkeys(self.disk.counts, 0)
            self._refuse()
        transport.at(start_ns + int(HEALS_S * SECOND), self._heal)
        engine = Engine(self.config, self._journal, transport=transport, run="refused")
        self.engine = engine
        self._watch(engine)
        engine.subscribe(AlertEvent, self.alerts.append)
        for when_s, act in on_time(self.scene.acts):
            at_ns = start_ns + int(when_s * SECOND)
            transport.at(at_ns, lambda act=act: self.ask(engine, act))  # type: ignore[misc]
        for at_s, does in acts:
            at_ns = start_ns + int(at_s * SECOND)
            transport.at(at_ns, lambda does=does: does(engine))  # type: ignore[misc]
        transport.at(start_ns + int((HEALS_S + 60) * SECOND), engine.stop)
        engine.run()

    def _refuse(self) -> None:
        self.disk.refuse = self.refuse

    def _heal(self) -> None:
        self.healed = True
        self.disk.heal()

    def _watch(self, engine: Engine) -> None:
        session = engine._session
        perform = session.perform

        def performed(command: Command):  # type: ignore[no-untyped-def]
            if self._journal.failure is not None:
                self.left.append(command)
                if isinstance(command, Cancel):
                    assert engine._core.state.orders[command.order_id].role in OPENING_ROLES
            return perform(command)

        session.perform = performed  # type: ignore[method-assign]

    @property
    def told(self) -> list[str]:
        return [alert.text for alert in self.alerts]


@pytest.fixture
def place() -> Iterator[Path]:
    with folder() as found:
        yield found


def counts(scene: Scene) -> dict[str, int]:
    with folder() as place:
        play = Refused(scene, place, {})
        play.play()
        assert not play.judge()
        return play.disk.counts


@pytest.mark.parametrize("kind", ["write", "sync"])
def test_every_refused_write_and_sync_of_a_trade(kind: str) -> None:
    total = counts(DOUBLE_DOWN)[kind]
    halted = 0
    for at in range(1, total + 1):
        with folder() as place:
            play = Refused(DOUBLE_DOWN, place, {kind: range(at, 1_000_000)})
            try:
                play.play()
            except JournalFailed as problem:
                # Before the first session, or at the very end: one line for whoever started it.
                assert "cannot be written" in str(problem)
                assert not play.healed or play.tws.exchange.position(SYMBOL) == 0
                continue
            assert not any(isinstance(one, Place | Amend) for one in play.left), f"{kind} {at}"
            if play.disk.refused:
                halted += 1
                assert any("halted at level 2" in text for text in play.told), f"{kind} {at}"
                assert any("can be written again" in text for text in play.told), f"{kind} {at}"
            assert play.judge() == [], f"{kind} {at} of {total}"
    assert halted > total // 4


def test_shares_without_a_stop_get_it_when_the_disk_is_back(place: Path) -> None:
    """The entry fills while nothing can be recorded."""
    play = Refused(PARTIAL, place, {"any": range(1, 1_000_000)}, from_s=10.5)
    play.play()
    assert any("halted at level 2" in text and "by journal" in text for text in play.told)
    assert play.judge() == []


def test_a_resting_entry_is_taken_back_though_nothing_can_be_recorded(place: Path) -> None:
    limit = next(scene for scene in SCENES if scene.name == "limit-entry")
    play = Refused(limit, place, {"any": range(1, 1_000_000)}, from_s=19.0)
    play.play()
    orders = [one for one in play.left if isinstance(one, Place | Amend | Cancel)]
    assert [type(one) for one in orders] == [Cancel]
    (entry,) = [o for o in play.tws.exchange.completed_orders() if "-E" in o.order_ref]
    assert entry.status == "Cancelled"
    assert 0 < entry.filled < 300
    assert play.judge() == []


def test_who_hands_in_a_signal_is_refused_and_the_halt_stays_until_it_is_taken_back(
    place: Path,
) -> None:
    answers: list[Future[Any]] = []

    def signal(engine: Engine) -> None:
        now_ns = engine.now_ns()
        said = {"ticker": SYMBOL, "signal": "BUY", "confidence": 0.9}
        found = parse_signal(said, "host", now_ns, (SYMBOL,), model_time_ns=now_ns)
        answers.append(engine._inbox.put(found))

    def resume(engine: Engine) -> None:
        engine._inbox.put(ResumeRequested("me", "mended"))

    idle = Scene(
        name="idle", market=((0, 100, 100_000),), acts=(), opens=frozenset({300}), lasts_s=60
    )
    play = Refused(idle, place, {"any": range(1, 1_000_000)}, from_s=LIVE_S + 3)
    play.play((20, signal), (HEALS_S + 5, signal), (HEALS_S + 8, resume), (HEALS_S + 10, signal))
    assert isinstance(answers[0].exception(), LimitError)
    assert "cannot be written" in str(answers[0].exception())
    assert [one.exception() for one in answers[1:]] == [None, None]
    assert play.tws.exchange.position(SYMBOL) == 300  # of the last one only
    assert play.judge() == []


def test_a_run_that_dies_before_the_disk_is_back_goes_on_from_what_was_durable(
    place: Path,
) -> None:
    play = Refused(PARTIAL, place, {"any": range(1, 1_000_000)}, from_s=10.5)
    with contextlib.suppress(JournalFailed):
        play.play((30, lambda engine: engine.stop()))
    assert not play.healed
    play.disk.heal()
    play.disk.crash(place, power=True)
    play.run([], 120)
    assert play.judge() == []
    assert play.tws.exchange.position(SYMBOL) in (0, 300)
