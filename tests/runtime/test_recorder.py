"""Between the core and the world: when snapshots are made, and what a failing disk lets leave."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine import recorder as recorders
from engine.commands import Cancel, Command, Place, Snapshot
from engine.config import from_mapping
from engine.core import Core
from engine.daybook import DayBook
from engine.inputs import HaltRequested, Input, Noticed, TimerElapsed
from engine.journal import Journal
from engine.journal_store import archives
from engine.recorder import RETRY_NS, Recorder
from engine.recovery import recover
from engine.snapshots import snapshot_paths
from tests.core.desk import Desk
from tests.faulty_disk import FaultyDisk

STRATEGY = {
    "symbols": ["AAPL"],
    "sizing": {"shares": 100},
    "entry": {"type": "limit", "offset": {"amount": 0.5}},
}
CONFIG = from_mapping({"strategy": STRATEGY})
FOR_EVER = range(1, 10**9)


class Written(Desk):
    """A desk whose steps go through a recorder, and whose commands leave as it lets them."""

    def __init__(self, place: Path) -> None:
        self.disk = FaultyDisk()
        self.journal = Journal.open(place, "full", self.disk)
        self.recorder: Recorder | None = None
        self.left: list[Command] = []
        super().__init__(CONFIG)

    def feed(self, *inputs: Input) -> None:
        if self.recorder is None:
            self.recorder = Recorder(self.core, self.journal, DayBook())
        waiting = list(inputs)
        while waiting:
            output = self.recorder.step(waiting, self.now_ns)
            self.events += output.events
            waiting, self.recorder.notices = list(self.recorder.notices), []
            for command in output.commands:
                self.left.append(command)
                waiting += self.carry_out(command)

    @property
    def kept(self) -> Recorder:
        assert self.recorder is not None
        return self.recorder


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Written]:
    found = Written(tmp_path / "journal" / "J")
    yield found
    found.disk.heal()
    found.journal.close()


def paths(desk: Written) -> list[str]:
    return [path.name for path in snapshot_paths(Path(desk.journal.path))]


def test_a_snapshot_is_made_when_there_is_much_to_replay(
    desk: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorders, "SNAPSHOT_RECORDS", 20)
    desk.kept.look(1)
    assert paths(desk) == []
    while desk.journal.count < 20:
        desk.feed(TimerElapsed())
    desk.kept.look(1)
    assert paths(desk) == ["J-snapshot-000000000020"]
    desk.kept.look(1)
    assert len(paths(desk)) == 1


def unanswered(desk: Written, count: int) -> None:
    """So many records, and orders of which nothing is heard."""
    desk.courier.requests_to_lose = 3
    desk.quote("AAPL", 99.99, 100.0)
    desk.signal("AAPL", "BUY")
    while desk.journal.count < count:
        desk.feed(TimerElapsed())


def test_a_snapshot_waits_for_answers_but_not_for_ever(
    desk: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorders, "SNAPSHOT_RECORDS", 10)
    unanswered(desk, 19)
    desk.kept.look(1)
    assert paths(desk) == []
    desk.feed(TimerElapsed())
    desk.kept.look(1)
    assert paths(desk) == ["J-snapshot-000000000020"]


def test_the_log_is_moved_in_a_quiet_moment(desk: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorders, "LOG_RECORDS", 10)
    unanswered(desk, 12)
    journal = Path(desk.journal.path)
    before = journal.stat().st_size
    desk.kept.look(1)
    assert journal.stat().st_size == before
    desk.courier.requests_to_lose = 0
    desk.lose()  # nobody waits for an answer any more
    desk.kept.look(1)
    assert journal.stat().st_size > before
    moved = desk.disk.counts["any"]
    desk.kept.look(1)
    assert desk.disk.counts["any"] == moved


def test_a_disk_that_refuses_the_move_is_told_of(
    desk: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorders, "LOG_RECORDS", 5)
    while desk.journal.count < 6:
        desk.feed(TimerElapsed())
    desk.journal.commit()
    desk.disk.refuse = {"any": FOR_EVER}
    desk.kept.look(1)
    assert desk.kept.failure is not None
    assert any(isinstance(one, HaltRequested) for one in desk.kept.notices)


def test_a_lost_session_is_time_for_a_snapshot_and_for_a_new_file(
    desk: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorders, "PAUSE_RECORDS", 5)
    monkeypatch.setattr(recorders, "FILE_RECORDS", 12)
    while desk.journal.count < 14:
        desk.feed(TimerElapsed())
    desk.kept.look(1)
    assert paths(desk) == []
    desk.lose()
    desk.kept.look(1)
    count = desk.journal.count
    assert paths(desk) == [f"J-snapshot-{count:012}"]
    assert [(one.first, one.last) for one in archives(Path(desk.journal.path))] == [(1, count)]
    desk.connect()
    assert desk.kept.failure is None
    desk.journal.commit()
    found = recover(desk.journal, CONFIG)
    assert found.core.state.digest() == desk.core.state.digest()
    assert found.snapshot == count


def test_a_refused_snapshot_is_told_once_and_ends_nothing(
    desk: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorders, "SNAPSHOT_RECORDS", 10)
    while desk.journal.count < 12:
        desk.feed(TimerElapsed())
    desk.journal.commit()
    desk.disk.refuse = {"write": FOR_EVER}
    desk.kept.look(1)
    desk.kept.look(1)
    (notice,) = desk.kept.notices
    assert isinstance(notice, Noticed)
    assert notice.text.startswith("no snapshot could be written (")
    assert desk.kept.failure is None
    left = [path.name for path in Path(desk.journal.path).parent.iterdir()]
    assert not [name for name in left if "snapshot" in name]  # no part of one takes up room


def test_while_the_disk_refuses_only_what_needs_no_memory_leaves(desk: Written) -> None:
    desk.quote("AAPL", 99.99, 100.0)
    desk.signal("AAPL", "BUY")
    desk.journal.commit()
    placed = [one for one in desk.left if isinstance(one, Place)]
    assert len(placed) == 3
    desk.left.clear()
    desk.disk.refuse = {"any": FOR_EVER}
    desk.trade("AAPL", 99.5, 40)  # a part of the entry fills
    desk.kept.commit()
    (halt,) = desk.kept.notices
    assert isinstance(halt, HaltRequested)
    assert (halt.level, halt.who) == (2, "journal")
    desk.kept.notices.clear()
    desk.feed(halt)
    desk.wait(90)
    sent = [one for one in desk.left if isinstance(one, Place | Cancel)]
    assert sent == [Cancel(placed[0].order_id)]  # the rest of the entry
    assert any(isinstance(one, Snapshot) for one in desk.left)  # the broker is still asked
    assert desk.kept.failure is not None


def test_the_disk_is_tried_again_every_second_and_gets_everything(desk: Written) -> None:
    desk.journal.commit()
    desk.disk.refuse = {"any": FOR_EVER}
    desk.feed(TimerElapsed())
    desk.kept.commit()
    assert desk.kept.failure is not None
    desk.kept.notices.clear()
    start_ns = 10 * RETRY_NS
    desk.kept.look(start_ns)
    tried = desk.disk.refused
    desk.kept.look(start_ns + RETRY_NS - 1)
    assert desk.disk.refused == tried
    desk.disk.heal()
    desk.feed(TimerElapsed())
    desk.kept.look(start_ns + RETRY_NS)
    assert desk.kept.failure is None
    assert desk.kept.notices == [
        Noticed(
            "warning",
            "the journal can be written again and has everything; engine resume ends the halt",
        )
    ]
    assert not desk.journal.pending
    assert recover(desk.journal, CONFIG).core.state.digest() == desk.core.state.digest()


@pytest.mark.parametrize("instead", [False, True], ids=["gone", "another"])
def test_a_journal_that_is_moved_away_is_missed_and_goes_on_when_it_is_back(
    desk: Written, instead: bool
) -> None:
    """What is written to a file without its name is nowhere to be found at the next start."""
    desk.journal.commit()
    place = Path(desk.journal.path)
    aside = place.rename(place.with_name("aside"))
    if instead:
        place.write_bytes(aside.read_bytes())
    desk.kept.look(1)
    (halt,) = desk.kept.notices
    assert isinstance(halt, HaltRequested)
    assert halt.why.startswith(f"{place}: cannot be written (it was moved or removed")
    desk.kept.notices.clear()
    desk.feed(halt)
    desk.kept.look(2 * RETRY_NS)
    assert desk.kept.failure is not None
    aside.rename(place)
    desk.kept.look(3 * RETRY_NS)
    assert desk.kept.failure is None
    assert recover(desk.journal, CONFIG).core.state.digest() == desk.core.state.digest()


def test_a_program_may_go_to_another_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The journal was named from where it was before."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    with Journal.open("J") as journal:
        recorder = Recorder(Core(CONFIG), journal, DayBook())
        monkeypatch.chdir(tmp_path / "elsewhere")
        recorder.step([TimerElapsed()], 5)
        recorder.look(1)
        recorder.keep_snapshot()
        assert journal.rotate()
        assert recorder.failure is None
        assert recorder.notices == []
    assert not list((tmp_path / "elsewhere").iterdir())
    assert [one.name for one in snapshot_paths(tmp_path / "J")] == ["J-snapshot-000000000001"]
    assert [(one.first, one.last) for one in archives(tmp_path / "J")] == [(1, 1)]


def test_a_core_in_memory_needs_none_of_it() -> None:
    with Journal.memory() as journal:
        recorder = Recorder(Core(CONFIG), journal, DayBook())
        recorder.step([TimerElapsed()], 5)
        recorder.look(1)
        recorder.keep_snapshot()
        assert recorder.notices == []
