"""``engine run --web``: the link, the port, what is wrong with either."""

from __future__ import annotations

import re
import socket
from pathlib import Path
from typing import Any

import httpx
import pytest

from engine.cli.main import spread
from engine.config import Config, Strategy, from_mapping
from engine.errors import ConfigError
from engine.settings_change import check_changes
from engine.web.settings import Web


def _link(engine: Any, process: Any) -> tuple[str, str]:
    last = engine.until(process, "dashboard: ")[-1]
    found = re.search(r"dashboard: (http://127\.0\.0\.1:\d+)/(?:#key=([\w-]+))?$", last.strip())
    assert found, last
    return found[1], found[2] or ""


def test_a_run_shows_itself_to_who_has_the_link(engine: Any) -> None:
    process = engine.start("run", "--web", "0", "--plain", "--for", "60s", "--journal", "day.db")
    base, key = _link(engine, process)
    shown = {"Authorization": f"Bearer {key}"}

    assert httpx.get(base).status_code == 200
    assert httpx.get(f"{base}/api/charts").status_code == 401
    assert httpx.get(f"{base}/api/charts", headers=shown).json()["control"] is True
    engine.until(process, "-> live")
    given = {"op": "halt", "level": 3, "why": "the test is over"}
    answer = httpx.post(f"{base}/api/control", json=given, headers=shown)
    assert answer.json() == {"halted": 3}
    engine.until(process, "by dashboard: the test is over")
    assert httpx.get(f"{base}/api/history", headers=shown).json()["of"] > 0


def test_a_table_in_the_settings_starts_it_with_a_key_that_is_not_printed(
    engine: Any, tmp_path: Path
) -> None:
    key = tmp_path / "key"
    key.touch(0o600)
    key.write_text("k" * 40)
    settings = tmp_path / "run.toml"
    settings.write_text(
        f'[strategy]\nsymbols = ["IBM"]\n[web]\nport = 0\nkey_file = "{key}"\n', "utf-8"
    )
    process = engine.start("run", "--config", settings, "--plain", "--for", "60s")
    base, printed = _link(engine, process)

    assert printed == ""
    shown = {"Authorization": f"Bearer {'k' * 40}"}
    assert httpx.get(f"{base}/api/charts", headers=shown).status_code == 200


def test_a_port_in_use_ends_the_run_with_one_line(engine: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = engine("run", "--web", port, "--plain", "--for", "1s")

    assert ended.code == 2
    assert ended.err == (
        f"engine: port {port}: in use; end what listens there, or choose another port\n"
    )


def test_the_port_may_be_left_out() -> None:
    assert spread(["run", "--web", "--plain"]) == ["run", "--web=-1", "--plain"]
    assert spread(["run", "--web"]) == ["run", "--web=-1"]
    assert spread(["run", "--web", "0"]) == ["run", "--web", "0"]


def test_a_port_out_of_range_is_refused_in_one_line(engine: Any) -> None:
    ended = engine("run", "--web", "70000")

    assert ended.code == 2
    assert ended.err == "engine: --web 70000: a port is 1 to 65535, or 0 for a free one\n"


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"port": 70000}, "port"),
        ({"port": "8790"}, "port"),
        ({"host": "0.0.0.0"}, "host"),  # it listens on this machine only
        ({"hosts": ["https://trade.example"]}, "hosts"),
        ({"hosts": ["a b"]}, "hosts"),
        ({"viewers_max": 0}, "viewers_max"),
        ({"control": "no"}, "control"),
    ],
)
def test_wrong_settings_are_refused(table: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        from_mapping({"strategy": {"symbols": ["IBM"]}, "web": table})


def test_it_is_off_unless_it_is_asked_for_and_does_not_change_while_it_runs() -> None:
    assert Config(strategy=Strategy(symbols=("IBM",))).web is None
    assert from_mapping({"strategy": {"symbols": ["IBM"]}, "web": {}}).web == Web()
    with pytest.raises(ConfigError, match=r"web\.port cannot change"):
        check_changes(["web.port"])
