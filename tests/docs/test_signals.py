"""What the page on signals shows can be done as it stands."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import attrs
import pytest

from engine.config import Config, from_mapping
from engine.signals.demo_api import FAULTS, DemoApi
from engine.signals.keys import webhook_keys
from engine.signals.schema import load_json, parse_signal
from engine.sources import Polling, Sender, Tail, Webhook

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "signals.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def configured() -> Config:
    data: dict[str, Any] = {}
    for block in blocks("toml"):
        data |= tomllib.loads(block)["signals"]
    return from_mapping({"strategy": {"symbols": ["IBM"]}, "signals": data})


def test_the_settings_are_all_there_is_and_show_the_defaults() -> None:
    signals = configured().signals
    assert signals.poll is not None
    assert signals.webhook is not None
    assert signals.tail is not None
    own = {"url", "key_file", "hosts", "senders", "path"}  # those of an example

    for made, block in zip(
        (signals.poll, signals.webhook, signals.tail), blocks("toml"), strict=True
    ):
        kind: Any = type(made)
        required = {"path": "x"} if kind is Tail else {}
        for one in attrs.fields(kind):
            if one.name not in {"remote_ok", "senders"}:
                assert re.search(rf"^{one.name} = ", block, re.MULTILINE), one.name
            if one.name not in own:
                assert getattr(made, one.name) == getattr(kind(**required), one.name), one.name
    assert (Polling, Webhook) == (type(signals.poll), type(signals.webhook))


def test_the_prediction_is_one() -> None:
    (body,) = blocks("json")
    signal = parse_signal(load_json(body.encode()), "x", 1_767_623_401_000 * 10**6, ["IBM"])

    assert (signal.ticker, signal.signal, signal.confidence) == ("IBM", "BUY", 0.83)


@pytest.mark.parametrize("start", ["(umask", "echo"])
def test_the_shell_lines_make_a_key_and_a_line(tmp_path: Path, start: str) -> None:
    (line,) = [block for block in blocks("sh") if block.startswith(start)]
    subprocess.run(["bash", "-c", line], cwd=tmp_path, check=True)
    if start == "echo":
        body = (tmp_path / "signals.jsonl").read_bytes()
        parse_signal(body.strip(), "x", int(tmp_path.stat().st_mtime_ns), ["IBM"])
    else:
        (key,) = webhook_keys(Sender(key_files=(str(tmp_path / "hook-new"),)))
        assert len(key.reveal()) == 32


def test_the_monitor_alone(tmp_path: Path) -> None:
    (code,) = blocks("python")
    with DemoApi(["IBM", "SPY"]) as api:
        code = code.replace("http://127.0.0.1:8790", api.url)
        code = code.replace("    ...\n", "    import time\n\n    time.sleep(4)\n")
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(re.findall(r"Signal\(identity='predictions:(\w+):", done.stdout)) == [
        "IBM",
        "SPY",
    ]


def test_every_fault_of_the_demonstration_is_named() -> None:
    (said,) = re.findall(r"makes it misbehave: (.*?);", PAGE)

    assert tuple(re.findall(r"`(\w+)`", said)) == FAULTS
