"""A journal in memory that outlives its engine, with all that was, or with what it led to."""

from engine.recovery import rebuild, recover
from engine.sim.kept_journal import DayJournal, KeptJournal
from tests.sim.test_virtual import Day


def traded(kind=KeptJournal):
    day = Day(journal=kind.memory())
    day.signal(60, "IBM", "BUY")
    day.run(120)
    return day


def test_the_next_life_finds_every_record():
    day = traded()
    found = day.journal.found_again()

    assert found.count == day.journal.count
    assert rebuild(found, day.engine.config).state.digest() == day.engine.core.state.digest()


def test_what_led_to_a_state_is_forgotten_and_the_chain_goes_on():
    day = traded(DayJournal)
    count, head = day.journal.count, day.journal.head_hash
    found = day.journal.gone_on(day.engine.core, day.engine.day_book)
    back = recover(found, day.engine.config)

    assert (found.count, found.head_hash) == (count, head)
    assert back.snapshot == count
    assert back.core.state.digest() == day.engine.core.state.digest()
    assert back.book == day.engine.day_book

    again = Day(tws=day.tws, journal=found)
    again.signal(1, "IBM", "SELL")
    view = again.run(60)
    assert [one.quantity for one in view.symbols] == [0, 0]
    assert [one.seq for one in found.records(count)] == list(range(count + 1, found.count + 1))


def test_in_one_that_ends_with_its_process_nothing_waits_for_a_disk():
    day = traded(DayJournal)
    records = list(day.journal.records())
    found = day.journal.gone_on(day.engine.core, day.engine.day_book)

    assert not day.journal.pending
    assert [one.seq for one in records] == list(range(1, day.journal.count + 1))
    assert records[-1].hash == day.journal.head_hash == found.head_hash
