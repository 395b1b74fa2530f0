"""Journals of numbered records, and programs beside the one that writes them."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import engine
from engine.commands import Cancel, Command
from engine.inputs import ErrorReported, Input, OrderStatusReported
from engine.journal import Journal

ROOT = Path(engine.__file__).parent.parent
STATUS = OrderStatusReported(1, 2, 3, 0, "Filled", Decimal(100), Decimal(0), Decimal("1.5"), "")


def step(number: int) -> tuple[int, list[Input], list[Command]]:
    return number * 1_000, [ErrorReported(number, 399, f"text {number} " * 20)], [Cancel(number)]


def fill(journal: Journal, count: int) -> None:
    for number in range(journal.count + 1, journal.count + count + 1):
        journal.append(*step(number))


def written(path: Path, count: int) -> Path:
    with Journal.open(path) as journal:
        fill(journal, count)
    return path


def run(script: str, *arguments: object, **more: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
        check=False,
        **more,
    )
