"""The TWS in memory: what subscriptions are told, and when, without sockets or a real clock."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from engine.sim import instruments
from engine.sim.client import Client
from engine.sim.exchange import Exchange
from engine.sim.gateway import Gateway
from engine.sim.launch import DAY
from engine.sim.policies import Policies
from engine.sim.records import MarketTick, SimOrder, TickKind

OPEN_NS = instruments.session(DAY)[0]
SECOND_NS = 1_000_000_000
CONTRACT = ["0", "IBM", "STK", "", "0", "", "", "SMART", "", "USD", "", ""]


class Trial:
    """A gateway one second into the session, and one text client of it."""

    def __init__(self) -> None:
        known = instruments.instruments(["IBM"], (instruments.session(DAY),))
        self.exchange = Exchange(known, "DU1", Policies(), 1, OPEN_NS, 1)
        self.gateway = Gateway(self.exchange)
        self.now_ns = OPEN_NS
        self.client = self.join(1)

    def join(self, client_id: int) -> Client:
        client = self.gateway.open("test")
        hello = b"v100..178"
        self.gateway.receive(client, b"API\0" + len(hello).to_bytes(4, "big") + hello)
        self.ask(71, 2, client_id, "", client=client)
        self.heard(client)
        return client

    def ask(self, *fields: object, client: Client | None = None) -> list[list[str]]:
        body = "".join(f"{field}\0" for field in fields).encode()
        asker = client or self.client
        self.gateway.receive(asker, len(body).to_bytes(4, "big") + body)
        return self.heard(asker)

    def heard(self, client: Client | None = None) -> list[list[str]]:
        delivery = (client or self.client).wire.delivery
        data = b""
        while pending := delivery.pending():
            data += pending
            delivery.sent(len(pending))
        messages = []
        while data:
            size = int.from_bytes(data[:4], "big")
            messages.append(data[4 : 4 + size].decode().split("\0")[:-1])
            data = data[4 + size :]
        return messages

    def tick(self, kind: TickKind, price: float, size: int = 100) -> list[list[str]]:
        self.gateway.tick(MarketTick(self.now_ns, "IBM", kind, price, size))
        return self.heard()

    def wait(self, seconds: float) -> list[list[str]]:
        self.now_ns += int(seconds * SECOND_NS)
        self.gateway.advance(self.now_ns)
        return self.heard()

    def fill(self, order_id: int, side: str, quantity: int) -> list[list[str]]:
        order = SimOrder(
            order_id=order_id, client_id=1, perm_id=0, instrument=self.exchange.instruments[0],
            account="", action=side, quantity=Decimal(quantity), order_type="MKT", tif="DAY",
        )  # type: ignore[arg-type]  # fmt: skip
        self.gateway.desk.publish(self.exchange.place(1, order))
        return self.heard()


@pytest.fixture
def trial() -> Trial:
    made = Trial()
    made.tick("B", 99.0, 1000)
    made.tick("A", 100.0, 1000)
    return made


def test_a_fill_is_told_in_the_order_in_which_clients_expect_it(trial: Trial) -> None:
    trial.ask(61, 1)
    trial.ask(6, 2, 1, "")

    told = trial.fill(1, "BUY", 100)

    assert [message[0] for message in told[:7]] == ["5", "3", "11", "5", "3", "59", "61"]
    assert told[2][1:3] == ["-1", "1"]
    assert told[4][2] == "Filled"
    assert told[6][-2:] == ["100", "100.01"]
    assert told[7][0] == "7"
    assert {message[0] for message in told[8:]} == {"6", "8"}


def test_account_values_are_sent_again_only_when_they_change(trial: Trial) -> None:
    first = trial.ask(62, 1, 5, "All", "NetLiquidation,BuyingPower,Nonsense")
    assert [message[4] for message in first[:-1]] == ["NetLiquidation", "BuyingPower"]
    assert first[-1] == ["64", "1", "5"]
    assert trial.wait(200) == []
    told = trial.fill(1, "BUY", 100)
    assert [message[4] for message in told if message[0] == "63"] == [
        "NetLiquidation",
        "BuyingPower",
    ]
    trial.ask(63, 1, 5)
    assert [m for m in trial.fill(2, "BUY", 100) if m[0] == "63"] == []


def test_two_summaries_at_once_and_not_one_more(trial: Trial) -> None:
    assert [trial.ask(62, 1, number, "All", "NetLiquidation")[-1][0] for number in (1, 2)] == [
        "64", "64"
    ]  # fmt: skip
    assert trial.ask(62, 1, 3, "All", "NetLiquidation")[0][1:4] == ["2", "3", "322"]
    assert trial.ask(62, 1, 2, "All", "NetLiquidation")[0][1:4] == ["2", "2", "102"]
    trial.ask(63, 1, 3)
    trial.ask(63, 1, 2)
    assert trial.ask(62, 1, 3, "All", "NetLiquidation")[-1] == ["64", "1", "3"]
    told = trial.fill(1, "BUY", 100)
    assert [message[2] for message in told if message[0] == "63"] == ["1", "3"]


def test_a_client_that_never_cancels_is_stopped_at_a_thousand_feeds(trial: Trial) -> None:
    """Each of them is told of every fill."""
    asked = [(74, "", ""), (76, "", "", 0), (92, "", "")]
    for number in range(1000):
        kind, *more = asked[number % 3]
        head = (kind, 1, number) if kind != 92 else (kind, number)
        assert trial.ask(*head, *more)[-1][0] != "4"
    for kind, *more in asked:
        head = (kind, 1, 1000) if kind != 92 else (kind, 1000)
        assert trial.ask(*head, *more)[0][1:4] == ["2", "1000", "322"]
    trial.ask(75, 1, 0)
    assert trial.ask(92, 1000, "", "")[0][:2] == ["94", "1000"]


def test_profit_follows_the_market(trial: Trial) -> None:
    con_id = str(trial.exchange.instruments[0].con_id)
    assert trial.ask(92, 5, "DU1", "") == [["94", "5", "0.0", "0.0", "0.0"]]
    assert trial.ask(94, 6, "DU1", "", con_id) == [["95", "6", "0", "0.0", "0.0", "0.0", "0.0"]]
    trial.fill(1, "BUY", 100)
    trial.tick("T", 101.0)

    assert trial.wait(1) == [
        ["94", "5", "99.0", "99.0", "0.0"],
        ["95", "6", "100", "99.0", "99.0", "0.0", "10100.0"],
    ]
    assert trial.wait(1) == []
    trial.fill(2, "SELL", 100)  # at 99, one dollar of commission on each side
    assert trial.wait(1) == [
        ["94", "5", "-102.0", "0.0", "-102.0"],
        ["95", "6", "0", "-102.0", "0.0", "-102.0", "0.0"],
    ]
    assert trial.ask(94, 7, "DU1", "", 1)[0][3] == "321"
    assert trial.ask(92, 8, "DU2", "")[0][3] == "321"


def test_real_time_bars_come_every_five_seconds_even_without_trades(trial: Trial) -> None:
    trial.ask(50, 3, 5, *CONTRACT, 5, "TRADES", 1, "")
    assert trial.wait(6) == []  # nothing has ever traded
    trial.tick("T", 99.5, 100)
    trial.tick("T", 99.75, 300)
    start_s = OPEN_NS // SECOND_NS

    assert trial.wait(4) == [
        ["50", "3", "5", str(start_s + 5), "99.5", "99.75", "99.5", "99.75", "400", "99.6875", "2"]
    ]
    assert trial.wait(10) == [
        ["50", "3", "5", str(start_s + 10 + gap), *["99.75"] * 4, "0", "99.75", "0"]
        for gap in (0, 5)
    ]
    trial.ask(51, 1, 5)
    assert trial.wait(10) == []


@pytest.mark.parametrize(("regular", "hours"), [(1, 6.5), (0, 10.5)])
def test_real_time_bars_end_with_the_hours_that_were_asked_for(
    trial: Trial, regular: int, hours: float
) -> None:
    trial.ask(50, 3, 5, *CONTRACT, 5, "TRADES", regular, "")
    trial.tick("T", 99.5, 100)
    start_s, closes_s = OPEN_NS // SECOND_NS, OPEN_NS // SECOND_NS + int(hours * 3600)

    seconds = [int(message[3]) for message in trial.wait(hours * 3600 - 12)]
    assert (seconds[0], seconds[-1], len(seconds)) == (start_s, closes_s - 20, hours * 720 - 3)
    assert [int(message[3]) for message in trial.wait(30)] == [
        closes_s - 15, closes_s - 10, closes_s - 5
    ]  # fmt: skip
    assert trial.wait(12 * 3600) == []


def test_a_portfolio_is_worth_what_its_account_is(trial: Trial) -> None:
    """Its rows come again with the values of the account, each three minutes, where it is not what
    it was; and at once when what is held has changed."""
    trial.ask(6, 2, 1, "")
    trial.fill(1, "BUY", 100)
    assert [message for message in trial.wait(200) if message[0] == "7"] == []
    trial.tick("T", 101.0)
    told = trial.wait(180)
    (row,) = [message for message in told if message[0] == "7"]
    assert row[-7:-2] == ["100", "101.0", "10100.0", "100.01", "99.0"]
    assert ["6", "2", "UnrealizedPnL", "99.00", "USD", "DU1"] in told
    assert [message for message in trial.wait(180) if message[0] == "7"] == []
    trial.tick("T", 102.0)
    trial.ask(6, 2, 0, "")
    assert trial.wait(180) == []


def test_a_history_that_is_kept_up_to_date(trial: Trial) -> None:
    trial.tick("T", 99.5, 100)
    asked = ["20", 5, *CONTRACT, 0, "", "5 secs", "60 S", 1, "TRADES", 2, 1, ""]
    (history,) = trial.ask(*asked)
    assert history[:2] == ["17", "5"]
    trial.wait(6)
    trial.tick("T", 99.75, 300)

    told = trial.wait(5)

    assert [message[:2] for message in told] == [["90", "5"]]
    assert told[0][4:8] == ["99.75", "99.75", "99.75", "99.75"]
    assert told[0][-1] == "300"
    assert trial.wait(20) == []
    assert trial.ask(25, 1, 5)[0][1:4] == ["2", "5", "162"]
    assert trial.ask(25, 1, 5)[0][1:4] == ["2", "5", "366"]


def test_executions_are_filtered_and_followed_by_their_commission(trial: Trial) -> None:
    trial.fill(1, "BUY", 100)

    def ask(client_id: int = 0, time: str = "", symbol: str = "", side: str = "") -> list[str]:
        told = trial.ask(7, 3, 5, client_id, "", time, symbol, "", "", side)
        return [message[0] for message in told]

    assert ask() == ["11", "59", "55"]
    assert ask(1, "20240103 09:00:00", "IBM", "BUY") == ["11", "59", "55"]
    assert ask(client_id=2) == ["55"]
    assert ask(symbol="BAC") == ["55"]
    assert ask(side="SELL") == ["55"]
    assert ask(time="20240103-14:31:00") == ["55"]  # UTC
    assert ask(time="20240103 10:00:00 Europe/Berlin") == ["11", "59", "55"]
    assert ask(time="yesterday") == ["4"]


def test_what_is_over_is_told_on_its_day_and_not_on_the_next(trial: Trial) -> None:
    trial.fill(1, "BUY", 100)

    def completed() -> list[str]:
        return [message[0] for message in trial.ask(99, 0)]

    assert completed() == ["101", "102"]
    midnight_ns = instruments.midnight_ns(DAY + timedelta(1))
    trial.wait((midnight_ns - trial.now_ns) // SECOND_NS - 1)
    assert completed() == ["101", "102"]
    trial.wait(1)
    assert completed() == ["102"]
    assert [message[0] for message in trial.ask(7, 3, 5, 0, "", "", "", "", "", "")] == ["55"]


def test_an_order_outlives_its_client_and_finds_it_again(trial: Trial) -> None:
    trial.gateway.close(trial.client)
    trial.fill(1, "BUY", 5000)  # 1000 are displayed
    trial.client = trial.join(1)

    assert [message[0] for message in trial.ask(5, 1)] == ["5", "3", "53"]
    assert trial.ask(8, 1, 1) == [["9", "1", "2"]]
    told = trial.tick("A", 100.5, 4000)
    assert [message[0] for message in told] == ["11", "5", "3", "59"]


def test_snapshot_requests_end(trial: Trial) -> None:
    told = trial.ask(1, 11, 5, *CONTRACT, 0, "", 1, 0, "")

    assert told[-1] == ["57", "1", "5"]
    assert trial.client.streams == {}


def test_trades_of_other_accounts_and_unknown_ids_are_errors(trial: Trial) -> None:
    assert trial.ask(6, 2, 1, "DU2")[0][3] == "321"
    assert trial.ask(15, 1, 1)[0][3] == "321"
    assert trial.ask(98, 5)[0][3] == "300"
    assert trial.ask(97, 5, *CONTRACT, "Odd", 0, 0)[0][3] == "321"
    assert trial.ask(50, 3, 5, *CONTRACT, 5, "YIELD", 1, "")[0][3] == "420"
    assert trial.ask(59, 1, 9)[0][3] == "321"
    assert trial.ask(87, 5, *CONTRACT, 0, 1, "TRADES", 1)[0][3] == "162"
