"""``engine status``, ``halt``, ``reload`` and so on: a word with the engine that is running."""

from __future__ import annotations

import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

from engine.control import ask, find_control
from engine.monitor.lines import price
from engine.monitor.words import rows


def talk(journal: Path | None, control: Path | None, request: dict[str, Any]) -> dict[str, Any]:
    return ask(control or find_control(journal), request)


def status(journal: Path | None, control: Path | None) -> None:
    told = talk(journal, control, {"op": "status"})
    halt = told["halt"]
    lines = [f"session {told['session']}, account {told['account'] or 'not known yet'}"]
    if halt:
        lines.append(f"halted: {halt}")
    lines += [
        f"{one['symbol']}: {one['state']} {one['side']} {one['quantity']} @ "
        f"{price(Decimal(one['average_price']))}"
        + (f", frozen: {one['frozen']}" if one["frozen"] else "")
        for one in told["positions"]
    ] or ["nothing is held"]
    lines.append(f"open orders: {told['open_orders']}")
    lines += [f"armed: {one}" for one in told["armed"]]
    lines += [f"{symbol}: market data: {why}" for symbol, why in told["data_refused"].items()]
    if unreadable := told["unreadable"]:
        lines.append(f"messages of TWS that could not be read: {unreadable}")
    _say(lines)


def halt(journal: Path | None, control: Path | None, level: int, why: str) -> None:
    talk(journal, control, {"op": "halt", "level": level, "why": why})
    _say([f"halted at level {level}; engine resume takes it back"])


def resume(journal: Path | None, control: Path | None, why: str) -> None:
    talk(journal, control, {"op": "resume", "why": why})
    _say(["resumed"])


def reload(journal: Path | None, control: Path | None) -> None:
    changed = talk(journal, control, {"op": "reload"})["changed"]
    _say(["changed: " + ", ".join(changed) if changed else "nothing has changed"])


def risk(journal: Path | None, control: Path | None) -> None:
    told = talk(journal, control, {"op": "risk"})["limits"]
    table = [("limit", "used", "of", "left")]
    table += [
        (one["name"], one["used"], one["max"] or "not told", one["left"] or "") for one in told
    ]
    _say(rows(table))


def _say(lines: list[str]) -> None:
    sys.stdout.write("\n".join(lines) + "\n")
