"""What the broker says of the account, and how old it may be."""

from __future__ import annotations

from decimal import Decimal

import pytest
from orjson import dumps

from engine.commands import AskAccount
from engine.config import CONVERTER, Config, from_mapping
from engine.events import AlertEvent, RefusalEvent
from engine.inputs import AccountReported, SessionChanged, SettingsChanged
from tests.core.desk import ACCOUNT, SECOND, Desk, account_worth

LIMIT_S = 300.0


def settings(age_max_s: float | None = LIMIT_S) -> Config:
    limits = {} if age_max_s is None else {"account_age_max_s": age_max_s}
    strategy = {"symbols": ["AAPL"], "sizing": {"shares": 100}, "stop": {"percent": 5}}
    return from_mapping({"strategy": strategy, "limits": limits})


def told(age_max_s: float | None = LIMIT_S) -> Desk:
    """The account was told a moment ago."""
    desk = Desk(settings(age_max_s))
    desk.feed(account_worth("1000000"))
    desk.commands.clear()  # before it was told, it was asked for
    return desk


def asked(desk: Desk) -> int:
    return sum(isinstance(one, AskAccount) for one in desk.commands)


def refusals(desk: Desk) -> list[str]:
    """Of a signal, now."""
    before = len(desk.said(RefusalEvent))
    desk.quote("AAPL", 100.0, 100.0)
    desk.signal("AAPL", "BUY")
    return [one.reason for one in desk.said(RefusalEvent)[before:]]


def test_a_morning_without_trades_does_not_refuse_the_first_signal() -> None:
    desk = told()

    desk.wait(3 * 3600)

    assert refusals(desk) == []


def test_the_account_is_asked_for_at_a_half_of_the_limit_and_not_before() -> None:
    desk = told()
    desk.wait(LIMIT_S / 2 - 1)
    assert asked(desk) == 0
    desk.wait(2)
    assert asked(desk) == 1
    desk.wait(3600)
    assert asked(desk) == 1 + 3600 // 150


def test_what_is_told_anyway_is_not_asked_for() -> None:
    desk = told()
    for _ in range(60):
        desk.wait(100)
        desk.feed(AccountReported(ACCOUNT, ()))  # something that is not judged by
    assert asked(desk) == 0
    assert refusals(desk) == []


def test_a_broker_that_does_not_answer_is_asked_again_and_nothing_is_opened() -> None:
    desk = told()
    desk.worth = None
    desk.wait(LIMIT_S - 1)
    assert asked(desk) == 2  # after 150 s and after 225
    assert refusals(desk) == []

    desk = told()
    desk.worth = None
    desk.wait(LIMIT_S + 1)
    assert refusals(desk) == ["account_unknown"]
    desk.wait(3600)
    warned = [one for one in desk.said(AlertEvent) if "has said nothing of the account" in one.text]
    assert [one.level for one in warned] == ["warning"]  # once, and not every minute
    assert 3600 // 75 <= asked(desk) <= 3600 // 75 + 4

    desk.worth = "900000"
    desk.wait(80)
    assert refusals(desk) == []
    assert desk.core.state.account_value("NetLiquidation") == Decimal(900_000)


def test_a_tiny_limit_is_no_flood_of_questions() -> None:
    desk = told(0.01)
    desk.wait(60)
    assert 50 <= asked(desk) <= 60


def test_the_word_of_another_account_says_nothing_of_ours() -> None:
    desk = told()
    desk.worth = None
    for _ in range(4):
        desk.wait(100)
        desk.feed(account_worth("5", "DU7654321"))
    assert refusals(desk) == ["account_unknown"]


@pytest.mark.parametrize("away", ["lost", "degraded"])
def test_without_a_session_nobody_is_asked_and_the_next_one_asks_at_once(away: str) -> None:
    desk = told()
    desk.wait(100)
    if away == "lost":
        desk.lose()
    else:
        desk.feed(SessionChanged("UPSTREAM_LOST", desk.epoch))
    desk.wait(3600)
    assert asked(desk) == 0
    if away == "lost":
        desk.connect()
    else:
        desk.feed(SessionChanged("UPSTREAM_RESTORED", desk.epoch))
        desk.feed(SessionChanged("SYNCED", desk.epoch))
    assert asked(desk) == 1
    assert refusals(desk) == []


def test_the_limit_may_come_and_go_while_the_engine_runs() -> None:
    desk = told(None)
    desk.wait(3600)
    assert asked(desk) == 0
    change(desk, LIMIT_S)
    assert asked(desk) == 1  # what is known is an hour old
    desk.wait(160)
    assert asked(desk) == 2
    change(desk, None)
    desk.wait(3600)
    assert asked(desk) == 2
    assert "account" not in desk.core.state.deadlines


def change(desk: Desk, age_max_s: float | None) -> None:
    text = dumps(CONVERTER.unstructure(settings(age_max_s))).decode()
    desk.feed(SettingsChanged(text, "s.toml", "abc"))


def test_a_clock_that_was_set_back_does_not_make_the_account_young_for_ever() -> None:
    desk = told()
    desk.wait(3600)
    desk.lose()
    desk.now_ns -= 3000 * SECOND
    desk.worth = None
    desk.connect()
    desk.wait(LIMIT_S + 1)
    assert refusals(desk) == ["account_unknown"]


def test_another_process_goes_on_asking() -> None:
    desk = told()
    desk.wait(1000)
    desk.restart()
    before = asked(desk)
    desk.wait(1000)
    assert asked(desk) > before + 5
    assert refusals(desk) == []
