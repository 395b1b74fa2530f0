"""The simulator as a tool of other people's tests: its Python API and its pytest plugin."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from engine.errors import ConfigError, UserError
from engine.sim.tws_sim import TwsSim

pytest_plugins = "pytester"
ROOT = Path(__file__).parents[2]


@pytest.fixture
def ib() -> Any:
    ib_async = pytest.importorskip("ib_async")
    client = ib_async.IB()
    yield client
    if client.isConnected():
        client.disconnect()


def test_a_test_scripts_prices_and_faults_and_looks_at_the_truth(ib: Any) -> None:
    ib_async = pytest.importorskip("ib_async")
    with TwsSim(["IBM"], prices={"IBM": 50.0}, max_server_version=178) as tws:
        ib.connect(tws.host, tws.port, clientId=3, timeout=20)
        (contract,) = ib.qualifyContracts(ib_async.Stock("IBM", "SMART", "USD"))
        tws.fault("order:2 swallow placeOrder count=1")
        entry = ib.placeOrder(contract, ib_async.MarketOrder("BUY", 100, tif="DAY"))
        tws.until(lambda: ib.sleep(0.01) and entry.isDone() and entry.orderStatus.filled == 100)
        assert float(tws.executions()[0].price) == 50.01
        stop = ib_async.StopOrder("SELL", 100, 49.0, tif="GTC")
        ib.placeOrder(contract, stop)  # swallowed
        ib.sleep(0.2)
        assert tws.open_orders() == []
        assert tws.report()["uncovered_now"] == {"IBM": 100}
        assert tws.faults() == {"order:2 swallow placeOrder count=1": 1}

        ib.placeOrder(contract, ib_async.StopOrder("SELL", 100, 49.0, tif="GTC"))
        tws.until(lambda: ib.sleep(0.01) and tws.open_orders())
        tws.walk("IBM", 49.5, 49.2, 48.9)
        assert tws.position("IBM") == 0
        assert [order.status for order in tws.completed_orders()] == ["Filled", "Filled"]
        assert float(tws.executions()[-1].price) == 48.89


def test_what_cannot_be_is_said_in_one_line() -> None:
    with pytest.raises(UserError, match="BAC is not among the symbols"):
        TwsSim(["IBM"], prices={"BAC": 14.0})
    with pytest.raises(ConfigError, match="line 1: no fault is called 'drpo'"):
        TwsSim(["IBM"], faults=["start drpo openOrder"])
    with TwsSim(["IBM"]) as tws:
        with pytest.raises(ConfigError, match="no such instrument"):
            tws.trade("BAC", 14.0)
        with pytest.raises(TimeoutError, match=r"within 0\.01 s"):
            tws.until(lambda: False, wait_s=0.01)


def test_a_generated_market_moves_by_itself() -> None:
    with TwsSim(["IBM"], generated=True, seed=3, speed=50) as tws:
        first = tws.exchange.quote("IBM")
        assert tws.until(lambda: tws.exchange.quote("IBM") != first)


PLUGIN = ("-p", "no:tws_sim", "-p", "engine.sim.pytest_plugin", "-p", "no:cacheprovider")


@pytest.mark.slow
def test_the_fixtures(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a run of its own, as another project would have it."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    pytester.makepyfile(
        """
        import socket
        import sys
        import pytest

        ports = []

        def listens(tws):
            with socket.create_connection((tws.host, tws.port), 5):
                return True

        def test_who_wants_none_loads_none():
            assert "engine.sim.server" not in sys.modules

        @pytest.mark.tws_sim(symbols=["IBM", "BAC"])
        class TestMarks:
            def test_one(self, tws_sim):
                ports.append(tws_sim.port)
                assert listens(tws_sim)
                symbols = sorted(one.symbol for one in tws_sim.exchange.instruments)
                assert symbols == ["BAC", "IBM"]

            @pytest.mark.tws_sim(faults=["start mute"], policies={"margin": "refuse"})
            def test_another(self, tws_sim):
                assert tws_sim.faults() == {"start mute": 0}
                assert tws_sim.exchange.policies.margin == "refuse"
                assert tws_sim.position("BAC") == 0

        def test_many(tws_sim_factory):
            first, second = tws_sim_factory(), tws_sim_factory(symbols=["IBM"])
            assert first.port != second.port and listens(first) and listens(second)

        def test_they_end_with_their_test():
            with pytest.raises(OSError):
                socket.create_connection(("127.0.0.1", ports[0]), 5)

        @pytest.mark.tws_sim(faults=["start order-by-hand IBM BUY 70"])
        def test_fails(tws_sim):
            tws_sim.until(lambda: tws_sim.position("IBM"))
            assert False

        @pytest.mark.tws_sim("IBM")
        def test_wrong(tws_sim):
            pass
        """
    )
    result = pytester.runpytest_subprocess(*PLUGIN, "--strict-markers")
    result.assert_outcomes(passed=5, failed=1, errors=1)
    result.stdout.fnmatch_lines(["*the mark tws_sim takes named options only"])
    result.stdout.fnmatch_lines(
        ["*- simulated TWS on port *", "position: {'IBM': 70}", "faults: *'happened': 1*"]
    )


def test_the_entry_point_is_declared() -> None:
    import tomllib

    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert declared["project"]["entry-points"]["pytest11"] == {
        "tws_sim": "engine.sim.pytest_plugin"
    }


def test_nothing_listens_before_it_starts() -> None:
    tws = TwsSim(["IBM"])
    with pytest.raises(AssertionError):
        _ = tws.port
    with tws:
        port = tws.port
        with socket.create_connection(("127.0.0.1", port), 5):
            pass
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", port), 5)


@pytest.mark.parametrize("price", [float("nan"), float("inf"), 0.0, -1.0, 1e9])
def test_a_price_that_is_none_is_refused_and_the_market_goes_on(price: float) -> None:
    with TwsSim(["IBM"]) as tws:
        with pytest.raises(ConfigError, match="no price"):
            tws.trade("IBM", price)
        with pytest.raises(ConfigError, match="no price"):
            tws.quote("IBM", 99.0, price)
        tws.trade("IBM", 99.5)
        assert tws.exchange.quote("IBM").last == 99.5
