"""A running engine reads its file again: by a command, and by SIGHUP."""

from __future__ import annotations

import hashlib
import signal
from pathlib import Path
from typing import Any, cast

import pytest

from engine.cli.options import RunOptions
from engine.cli.reload import Reloader
from engine.cli.settings import settings_of
from engine.errors import UserError
from tests.cli.conftest import Cli

START = '[strategy]\nsymbols = ["IBM", "SPY"]\n'


@pytest.mark.slow
def test_a_running_engine_takes_a_new_version_and_refuses_a_wrong_one(engine: Cli) -> None:
    file = engine.folder / "s.toml"
    file.write_text(START)
    process = engine.start("run", "--config", "s.toml", "--journal", "J", "--for", "50s", "--plain")
    engine.until(process, "syncing -> live")
    assert engine("reload", "--journal", "J").out == "nothing has changed\n"

    file.write_text(START + "stop = {percent = 1}\n")
    done = engine("reload", "--journal", "J")
    assert (done.code, done.out) == (0, "changed: strategy.stop.atr, strategy.stop.percent\n")
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    engine.until(process, f"settings changed: s.toml, SHA-256 {digest}")

    file.write_text(START + "stop = {precent = 1}\n")
    done = engine("reload", "--journal", "J")
    assert done.code == 2
    assert "s.toml line 3: strategy.stop: unknown key 'precent'" in done.err
    engine.until(process, "settings stay as they are: s.toml line 3")

    file.write_text(START.replace("SPY", "QQQ"))
    assert "strategy.symbols cannot change while" in engine("reload", "--journal", "J").err

    file.write_text(START + "cooldown_s = 5\n")
    process.send_signal(signal.SIGHUP)
    engine.until(process, "settings changed: s.toml")
    file.write_text("x = = 1")
    process.send_signal(signal.SIGHUP)
    engine.until(process, "settings stay as they are: s.toml: not valid TOML")

    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 0
    again = engine("run", "--config", "s.toml", "--journal", "J", "--for", "1s")
    assert again.code == 2  # the file is still wrong
    file.write_text(START)
    assert engine("run", "--config", "s.toml", "--journal", "J", "--for", "3s").code == 0


def test_without_a_file_there_is_nothing_to_read_again(engine: Cli) -> None:
    process = engine.start("run", "--journal", "J", "--for", "30s", "--plain")
    engine.until(process, "syncing -> live")

    done = engine("reload", "--journal", "J")

    assert done.code == 2
    assert "it runs without a file of settings" in done.err
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)


class Connecting:
    """An engine whose writer does not answer just now."""

    def __init__(self, config: Any) -> None:
        self.config = config
        self.told: list[tuple[str, str]] = []

    def reload(self, *_: object) -> None:
        raise TimeoutError

    def notice(self, level: str, text: str) -> None:
        self.told.append((level, text))


def test_a_version_that_nobody_has_taken_yet_is_told_of(tmp_path: Path) -> None:
    """Whoever sends a signal sees nothing else."""
    (tmp_path / "s.toml").write_text(START)
    options = RunOptions(config=tmp_path / "s.toml")
    settings = settings_of(options)
    engine = Connecting(settings.config)
    reload = Reloader(options, settings, cast("Any", engine))
    with pytest.raises(UserError, match="is connecting"):
        reload()

    told = "no answer about the settings yet: the engine is connecting and may still take them"
    assert engine.told == [("warning", told)]
