"""A journal that is flat goes on in another account: what others hold is another matter there."""

from __future__ import annotations

import pytest

from engine.events import AlertEvent
from engine.inputs import AccountsListed, Started
from engine.sim.exchange import Exchange
from engine.sim.policies import Policies
from tests.core import desk as desks
from tests.core.by_hand import by_hand, desk
from tests.core.desk import ACCOUNT, Desk

OTHER = "DU0000002"


def moved(policy: str, shares: int, monkeypatch: pytest.MonkeyPatch, named: bool) -> Desk:
    """A person holds shares of our symbol in the first account. The next run is of another one,
    as the settings say, or because it is the only one of the login."""
    d = desk(policy)
    by_hand(d, "BUY" if shares > 0 else "SELL", abs(shares))
    d.wait(90)
    d.lose()
    d.exchange = Exchange(list(d.instruments.values()), OTHER, Policies(), 2, d.now_ns, 7)
    feed = d.feed

    def told(*inputs: object) -> None:
        feed(*(_unnamed(one) if not named else one for one in inputs))  # type: ignore[arg-type]

    monkeypatch.setattr(desks, "ACCOUNT", OTHER)
    monkeypatch.setattr(d, "feed", told)
    d.restart()
    d.quote("AAPL", 100.0, 100.0)
    return d


def _unnamed(one: object) -> object:
    if isinstance(one, Started):
        return Started(one.run, one.version, one.settings, one.client_id, "")
    return one


@pytest.mark.parametrize("named", [True, False], ids=["named", "listed"])
@pytest.mark.parametrize("shares", [40, -40])
@pytest.mark.parametrize("policy", ["ignore", "freeze"])
def test_shares_of_others_stay_behind_in_their_account(
    policy: str, shares: int, named: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    d = moved(policy, shares, monkeypatch, named)
    before = len(d.said(AlertEvent))
    d.wait(90)
    state = d.core.state

    assert state.account == OTHER
    assert set(state.foreign.values()) == {0}
    assert not state.frozen
    assert not [one.text for one in d.said(AlertEvent)[before:] if "holds" in one.text]
    assert not [one.text for one in d.said(AlertEvent) if "shares where" in one.text]


def test_shares_of_others_are_known_at_the_next_start_of_the_same_account() -> None:
    d = desk("ignore")
    by_hand(d, "BUY", 40)
    d.wait(90)
    d.lose()
    d.restart()
    d.feed(AccountsListed((ACCOUNT, OTHER)))

    assert set(d.core.state.foreign.values()) == {40}
