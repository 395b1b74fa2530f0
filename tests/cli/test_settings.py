"""What a run is made of: files, defaults and the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.cli.options import RunOptions
from engine.cli.settings import settings_of
from engine.monitor import demo

START = '[strategy]\nsymbols = ["IBM", "SPY"]\n'


@pytest.mark.parametrize(
    ("text", "options", "made_up"),
    [
        (None, {}, True),
        (START, {}, True),
        (None, {"signals": Path("s.jsonl")}, False),
        (None, {"poll": "http://127.0.0.1:8790"}, False),
        (None, {"port": 7497}, False),
        (None, {"ticks": (Path("IBM-20240103.csv"),)}, False),
        (START + '[signals.tail]\npath = "p"', {}, False),
        (START + "[signals.webhook]", {}, False),
        (START + "[broker]\nport = 7497", {}, False),
    ],
)
def test_signals_are_made_up_where_nobody_brings_any(
    text: str | None, options: dict[str, object], made_up: bool, tmp_path: Path
) -> None:
    if text is not None:
        (tmp_path / "s.toml").write_text(text)
        options = {**options, "config": tmp_path / "s.toml"}

    assert settings_of(RunOptions(**options)).made_up == made_up  # type: ignore[arg-type]


def test_the_demonstration_takes_other_symbols() -> None:
    settings = settings_of(RunOptions(symbols=("QQQ",)))

    assert settings.config.strategy.symbols == ("QQQ",)
    assert settings.config.strategy.stop == demo.settings().strategy.stop
    assert settings.speed == 60


def test_fewer_symbols_leave_the_settings_of_the_others_out(tmp_path: Path) -> None:
    file = tmp_path / "s.toml"
    file.write_text(START + "[strategy.symbol]\nIBM = {cooldown_s = 1}\nSPY = {cooldown_s = 2}")

    strategy = settings_of(RunOptions(config=file, symbols=("SPY",))).config.strategy

    assert list(strategy.symbol) == ["SPY"]
    assert strategy.of("SPY").cooldown_s == 2
