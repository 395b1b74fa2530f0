"""What the journal holds binds the next run: to its contracts, its account, its client id."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.config import Config, from_mapping
from engine.engine import Engine
from engine.errors import ConfigError, ConnectError, UserError
from engine.events import AlertEvent
from engine.journal import Journal
from engine.sim.launch import ACCOUNT, generated
from engine.sim.server import SimServer
from tests.faulty_disk import FaultyDisk
from tests.runtime.conftest import SPEED, away

PATIENCE_S = 20.0


def configured(server: SimServer, **broker: Any) -> Config:
    strategy = {
        "symbols": ["IBM", "MSFT"],
        "sizing": {"shares": 100},
        "stop": {"percent": 10},
        "target": {"percent": 20},
    }
    where = {"port": server.port, "clock_rate": SPEED, **broker}
    return from_mapping({"strategy": strategy, "broker": where})


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.005)


@pytest.fixture
def journal(server: SimServer, tmp_path: Path) -> Path:
    """Of a run that ended with a protected position."""
    with Engine(configured(server), tmp_path / "J", durability="normal") as engine:
        assert engine.wait_for_prices(PATIENCE_S)
        engine.publish({"ticker": "IBM", "signal": "BUY", "confidence": 0.9}).result(PATIENCE_S)
        until(lambda: engine.view().symbols[0].state == "protected")
        until(lambda: len(engine.view().orders) == 2)
    return tmp_path / "J"


def test_contracts_are_known_from_the_journal(server: SimServer, journal: Path) -> None:
    engine = Engine(configured(server), journal)
    known = engine._session.definitions.known
    assert {symbol: one.symbol for symbol, one in known.items()} == {"IBM": "IBM", "MSFT": "MSFT"}
    assert known["IBM"].con_id
    engine._journal.close()


def refusal(server: SimServer, journal: Path, **broker: Any) -> str:
    with pytest.raises(ConfigError) as refused:
        Engine(configured(server, **broker), journal)
    return str(refused.value)


def test_another_account_is_refused_while_shares_are_held(server: SimServer, journal: Path) -> None:
    account = ACCOUNT
    assert refusal(server, journal, account="DU9").startswith(
        f"broker.account is DU9, and the journal has shares or orders in {account}"
    )
    engine = Engine(configured(server), journal)
    assert engine._session.account == account  # whatever else the login lists
    assert engine._started().account == account  # and the core knows it from the beginning
    engine._journal.close()


def test_shares_of_direct_orders_bind_to_their_account_too(
    server: SimServer, tmp_path: Path
) -> None:
    """Of another account they would be missing in every round: the symbol froze for good."""
    with Engine(configured(server), tmp_path / "J", durability="normal") as engine:
        assert engine.wait_for_prices(PATIENCE_S)
        assert engine.order("IBM", "BUY", 10).wait("filled") == "filled"
    assert refusal(server, tmp_path / "J", account="DU9").startswith(
        f"broker.account is DU9, and the journal has shares or orders in {ACCOUNT}"
    )


def test_another_login_is_not_traded_while_shares_are_held(
    server: SimServer, journal: Path
) -> None:
    exchange, source = generated(["IBM", "MSFT"], seed=3, account="DU777")
    with SimServer(exchange, source, speed=SPEED, hold=True) as other:
        engine = Engine(configured(other), journal)
        with pytest.raises(UserError, match="did not become live"):
            engine.start(2.0)
        assert "not among the accounts of this login" in str(engine._session.problem)
        assert other.report()["open_orders"] == []


def test_a_run_with_shares_to_look_after_waits_for_a_tws_that_is_not_there_yet(
    server: SimServer, journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A supervisor starts it again after a crash, and TWS is restarting, or has not let go of the
    client id. To end with a mistake of the user meant not to be started any more."""
    away(monkeypatch, 2)
    with Engine(configured(server, retry_first_s=0.05), journal) as engine:
        until(lambda: engine.view().session == "live")
        assert engine.view().symbols[0].quantity == 100


def test_a_run_with_shares_to_look_after_waits_for_its_disk_too(
    server: SimServer, journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TWS is away, and meanwhile the disk is full for a moment."""
    away(monkeypatch, 3)
    disk = FaultyDisk(full=True)
    engine = Engine(configured(server, retry_first_s=0.05), Journal.open(journal, "normal", disk))
    disk.refuse = {"write": range(1, 10**9)}
    told: list[AlertEvent] = []
    engine.subscribe(AlertEvent, told.append)
    thread = threading.Thread(target=engine.run)
    thread.start()
    try:
        until(lambda: any("cannot be written" in one.text for one in told))
        disk.heal()
        until(lambda: any("can be written again" in one.text for one in told))
        until(engine._is_live)
        assert engine.view().symbols[0].quantity == 100
    finally:
        disk.heal()
        engine.stop()
        thread.join()


def test_a_run_with_nothing_to_look_after_ends_where_nobody_answers(
    server: SimServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    away(monkeypatch, 2)
    with pytest.raises(ConnectError, match="nothing answers"):
        Engine(configured(server, retry_first_s=0.05)).start(PATIENCE_S)


def test_another_client_id_is_refused_while_orders_live(server: SimServer, journal: Path) -> None:
    """Only who placed an order can cancel it, and its number means another order of another id:
    an amendment of a stop would be one more stop."""
    assert refusal(server, journal, client_id=18).startswith(
        "broker.client_id is 18, and the journal has orders of client id 17"
    )


def test_nothing_binds_once_it_is_flat(server: SimServer, journal: Path) -> None:
    with Engine(configured(server), journal, durability="normal") as engine:
        engine.stop(flatten=True)
    engine = Engine(configured(server, client_id=18, account="DU9"), journal)
    assert engine._session.account == "DU9"
    engine._journal.close()
