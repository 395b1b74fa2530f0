"""The account is asked for: one complete answer, and no subscription more than before."""

import time

from engine.commands import AskAccount
from engine.inputs import AccountReported, AccountValue
from tests.broker.conftest import frame
from tests.broker.live_session import live, turn, until

END = 64


def ask(session):
    assert session.perform(AskAccount()) == []
    session.flush(time.monotonic_ns())


def reports(inputs):
    return [one for one in inputs if isinstance(one, AccountReported)]


def value(request_id, key, amount, account="DU1"):
    return frame(63, 1, request_id, account, key, amount, "USD")


def settled(tws):
    """Live, and the subscription has said what there is."""
    session, out = live(tws)
    until(session, reports, out)
    return session


def after(session, turns=4):
    return reports([one for _ in range(turns) for one in turn(session)])


def test_the_answer_is_one_input_when_it_is_complete_and_is_then_given_up(tws):
    session = settled(tws)
    ask(session)
    tws.wait_for(62)
    (asked,) = tws.of(62)
    assert asked[2:] == ["All", "BuyingPower,NetLiquidation"]
    number = asked[1]
    tws.say(value(number, "NetLiquidation", "1000.5"), value(number, "BuyingPower", "4000"))
    tws.say(value(number, "NetLiquidation", "7", account="DU2"))
    assert after(session) == []
    tws.say(frame(END, 1, number))
    out = until(session, reports)
    assert reports(out) == [
        AccountReported(
            "DU1",
            (
                AccountValue("NetLiquidation", "1000.5", "USD"),
                AccountValue("BuyingPower", "4000", "USD"),
            ),
        )
    ]
    tws.wait_for(63)
    assert [fields[1] for fields in tws.of(63)] == [number]
    tws.say(value(number, "NetLiquidation", "1"), frame(END, 1, number))  # once more: nobody asked
    assert after(session) == []
    assert len(tws.of(6)) == 1  # the subscription goes on as it was
    session.stop()


def test_an_answer_without_our_account_says_nothing_of_it(tws):
    session = settled(tws)
    tws.answers[62] = lambda f: [value(f[1], "NetLiquidation", "7", "DU2"), frame(END, 1, f[1])]
    ask(session)
    assert after(session) == []
    tws.wait_for(63)
    session.stop()


def test_a_question_without_an_end_is_given_up_before_the_next_one(tws):
    """TWS allows a client two at a time."""
    session = settled(tws)
    for _ in range(4):
        ask(session)
    tws.wait_for(62, 4)
    numbers = [fields[1] for fields in tws.of(62)]
    assert [fields[1] for fields in tws.of(63)] == numbers[:-1]
    order = [kind for kind, _ in tws.received if kind in (62, 63)]
    assert order == [62, 63, 62, 63, 62, 63, 62]
    tws.say(value(numbers[0], "NetLiquidation", "7"), frame(END, 1, numbers[0]))
    assert after(session) == []  # too late
    tws.say(value(numbers[-1], "NetLiquidation", "8"), frame(END, 1, numbers[-1]))
    (told,) = reports(until(session, reports))
    assert [one.value for one in told.values] == ["8"]
    session.stop()


def test_without_a_connection_nothing_is_asked(tws):
    session = settled(tws)
    session.closed("gone")
    assert session.perform(AskAccount()) == []
    assert session.dropped >= 1
