"""An engine at a quiet simulator, with its dashboard: the market moves when a test says so."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import httpx
import pytest

from engine import Engine
from engine.config import from_mapping
from engine.operations import operations
from engine.sim.tws_sim import TwsSim
from engine.web.dashboard import Dashboard
from engine.web.settings import Web

SYMBOLS = ("IBM", "MSFT")
ACCOUNT = "DU0000001"
CLIENT = httpx.Client(trust_env=False, timeout=10.0)  # one for all: each costs 30 ms
SETTINGS = {
    "symbols": SYMBOLS,
    "sizing": {"shares": 100},
    "stop": {"percent": 2.0},
    "target": {"percent": 3.0},
    "cooldown_s": 2.0,
}


@attrs.frozen
class Scene:
    """Everything that runs, and the way to ask the dashboard."""

    tws: TwsSim
    engine: Engine
    dashboard: Dashboard
    journal: Path

    @property
    def base(self) -> str:
        return self.dashboard.address.rstrip("/")

    @property
    def key(self) -> str:
        return self.dashboard.link.partition("#key=")[2]

    @property
    def shown(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}

    def get(self, path: str, **more: Any) -> httpx.Response:
        headers = {**self.shown, **more.pop("headers", {})}
        return CLIENT.get(self.base + path, headers=headers, **more)

    def control(self, asked: Any, **more: Any) -> httpx.Response:
        headers = {**self.shown, "Content-Type": "application/json", **more.pop("headers", {})}
        body = asked if isinstance(asked, bytes) else json.dumps(asked).encode()
        return CLIENT.post(f"{self.base}/api/control", content=body, headers=headers, **more)

    def messages(self, count: int) -> list[dict[str, Any]]:
        """The first messages of the stream that say anything."""
        found: list[dict[str, Any]] = []
        with CLIENT.stream("GET", f"{self.base}/api/stream", headers=self.shown) as r:
            for line in r.iter_lines():
                if line.startswith("data:") and (told := json.loads(line[5:]))["sections"]:
                    found.append(told)
                    if len(found) == count:
                        break
        return found

    def told(self, shows: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The first message of a stream, once its sections show so much: they are of the latest
        look at the engine, which comes when its writer has time for it."""
        (found,) = self.tws.until(
            lambda: [one for one in self.messages(1) if shows(one["sections"])]
        )
        return found  # type: ignore[no-any-return]

    def buy(self, symbol: str = "IBM") -> None:
        """Until it is held and protected."""
        self.signal(symbol, "BUY")
        self.tws.until(lambda: self.state(symbol) == "protected")

    def signal(self, symbol: str, kind: str) -> None:
        given = {"ticker": symbol, "signal": kind, "confidence": 0.9}
        self.engine.publish(given).result(5)

    def state(self, symbol: str) -> str:
        return next(one.state for one in self.engine.view().symbols if one.symbol == symbol)


def scene(folder: Path, symbols: tuple[str, ...] = SYMBOLS, **web: Any) -> Iterator[Scene]:
    journal = folder / "orders.db"
    with TwsSim(symbols=symbols) as tws:
        config = from_mapping(
            {"strategy": {**SETTINGS, "symbols": symbols}, "broker": {"port": tws.port}}
        )
        with Engine(config, journal) as engine:
            assert engine.wait_for_prices()
            able = operations(engine, lambda: (), "dashboard")
            with Dashboard(engine, Web(port=0, **web), able, journal) as dashboard:
                yield Scene(tws, engine, dashboard, journal)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """For tests that leave nothing behind."""
    yield from scene(tmp_path_factory.mktemp("web"))


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Scene]:
    """For tests that trade or halt."""
    yield from scene(tmp_path)
