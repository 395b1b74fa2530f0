from decimal import Decimal

import attrs
import pytest

from engine.broker.definitions import ContractFacts
from engine.broker.requests import HURRIED, Requests
from engine.broker.sync import ORDER_ID_FIRST, Definitions, RequestIds, Snapshots
from engine.errors import ConfigError, DecodeError
from engine.inputs import Instrument, SnapshotEnded, SnapshotStarted

D = Decimal
BANDS = ((D(0), D("0.01")),)


def facts(request_id, symbol, con_id=1, rules="26"):
    return ContractFacts(
        *(request_id, symbol, con_id, "STK", "SMART", "NASDAQ", "USD", symbol, "NMS"),
        *("US/Eastern", "20260105:0930-20260105:1600", D("0.01"), None, "SMART", rules),
    )


@pytest.fixture(scope="module")
def requests():
    return Requests(178)


def test_request_ids_stay_below_order_ids():
    ids = RequestIds()
    ids._next = ORDER_ID_FIRST - 1
    assert ids.take() == ORDER_ID_FIRST - 1
    assert ids.take() == 1


def test_foreign_orders_make_two_questions_and_one_end(requests):
    snapshots = Snapshots(requests, RequestIds())
    frames, told = snapshots.ask("open_orders", 4, foreign=True)
    assert len(frames) == 2
    assert told == [SnapshotStarted("open_orders", 4)]
    assert snapshots.ended("open_orders", 4) == []
    assert snapshots.waiting == ["open_orders"]
    assert snapshots.ended("open_orders", 4) == [SnapshotEnded("open_orders", 4)]
    assert snapshots.ended("open_orders", 4) == []
    assert snapshots.waiting == []


def test_executions_end_by_their_own_id(requests):
    snapshots = Snapshots(requests, RequestIds())
    snapshots.ask("executions", 1)
    snapshots.ask("executions", 1)
    assert snapshots.executions_ended(1, 1) == []
    assert snapshots.executions_ended(2, 1) == [SnapshotEnded("executions", 1)]


def test_a_known_rule_is_not_asked_again(requests):
    definitions, ids = Definitions(("A", "B", "C")), RequestIds()
    assert len(definitions.start(requests, ids)) == 3
    for number, symbol in enumerate("ABC", 1):
        definitions.described(facts(number, symbol, number, "" if symbol == "C" else "26"))
    assert len(definitions.ended(1, requests)[0]) == 1
    assert definitions.ended(2, requests) == ([], [])
    assert [f.instrument.symbol for f in definitions.ended(3, requests)[1]] == ["C"]
    assert definitions.waiting == ["A", "B"]
    assert [f.instrument.symbol for f in definitions.ruled(26, BANDS)] == ["A", "B"]
    assert definitions.waiting == []
    definitions.start(requests, ids)
    definitions.described(facts(4, "A", 1))
    assert definitions.ended(4, requests) == ([], [])  # known rule, unchanged instrument
    assert definitions.waiting == ["B", "C"]


def test_a_changed_instrument_is_told_again(requests):
    definitions, ids = Definitions(("A",)), RequestIds()
    for number, con_id in ((1, 7), (2, 8)):
        definitions.start(requests, ids)
        definitions.described(facts(number, "A", con_id, ""))
        (found,) = definitions.ended(number, requests)[1]
        assert found.instrument.con_id == con_id


def test_a_symbol_without_a_contract(requests):
    definitions, ids = Definitions(("A",)), RequestIds()
    definitions.start(requests, ids)
    with pytest.raises(ConfigError, match=r"correct strategy\.symbols"):
        definitions.ended(1, requests)
    assert definitions.failed(99, 200, "none") is None
    assert definitions.failed(1, 162, "other") == []
    with pytest.raises(ConfigError, match="No security definition"):
        definitions.failed(1, 200, "No security definition")


def test_templates_are_learned_one_at_a_time_and_the_first_kinds_of_all_before_the_next():
    definitions, learned = Definitions(("A", "B")), []
    for symbol in ("A", "B"):
        definitions.instruments[symbol] = Instrument(symbol, 1)

    class Book:
        def prepare(self, instrument, account, outside_rth, order_type, tif):
            learned.append((instrument.symbol, order_type, tif))

    definitions.prepare(0, Book(), "DU1", False)
    assert learned == []  # not before there is a connection
    definitions.unprepared(0)
    definitions.prepare(0, Book(), "DU1", False)
    assert learned == []  # other things come first
    while (due_ns := definitions.prepare_ns) is not None:
        before = len(learned)
        definitions.prepare(due_ns, Book(), "DU1", False)
        assert len(learned) == before + 1
    assert learned[:3] == [("A", "MKT", "DAY"), ("B", "MKT", "DAY"), ("A", "STP", "GTC")]
    assert len(learned) == len(set(learned)) == 2 * len(HURRIED)


@pytest.mark.parametrize("wrong", [{"market_rule_ids": "x"}, {"liquid_hours": "later"}])
def test_a_definition_that_cannot_be_read_leaves_a_known_symbol_as_it_was(requests, wrong):
    """Else the session would never be live again, for any symbol, with shares held."""
    definitions, ids = Definitions(("A", "B")), RequestIds()
    for _ in range(2):
        definitions.start(requests, ids)
        for number, symbol in definitions._asked.items():
            definitions.described(facts(number, symbol))
            definitions.ended(number, requests)
        definitions.ruled(26, BANDS)
    known = dict(definitions.instruments)
    assert definitions.waiting == []
    definitions.start(requests, ids)
    first, second = definitions._asked
    definitions.described(attrs.evolve(facts(first, "A"), **wrong))
    with pytest.raises(DecodeError):
        definitions.ended(first, requests)
    definitions.described(facts(second, "B"))
    definitions.ended(second, requests)
    assert (definitions.waiting, definitions.instruments) == ([], known)


def test_a_definition_that_cannot_be_read_is_waited_for_at_first(requests):
    definitions = Definitions(("A",))
    definitions.start(requests, RequestIds())
    definitions.described(attrs.evolve(facts(1, "A"), liquid_hours="later"))
    definitions.ended(1, requests)
    with pytest.raises(DecodeError):
        definitions.ruled(26, BANDS)
    assert definitions.waiting == ["A"]
