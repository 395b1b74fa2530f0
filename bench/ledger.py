"""What was measured in one run: kept, printed as a table, appended to a file."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

import attrs

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "bench" / "results.jsonl"
PEERS = ("ibapi-latest", "ib_async", "python-statemachine", "TA-Lib", "talipp")


@attrs.frozen
class Target:
    """A bound on our figure, or on the ratio other / ours."""

    of: Literal["ours", "ratio"]
    bound: float  # seconds for "ours" (at most), a number for "ratio" (at least)
    size: bool = False  # bytes instead of seconds

    def met(self, figure: Figure) -> bool | None:
        if self.of == "ours":
            return figure.ours <= self.bound
        return None if figure.ratio is None else figure.ratio >= self.bound

    def __str__(self) -> str:
        if self.of == "ratio":
            return f">= {self.bound:.3g} x"
        return f"<= {size(self.bound) if self.size else duration(self.bound)}"


@attrs.frozen
class Figure:
    """One row. Times are seconds: medians over the rounds of this run."""

    group: str
    measure: str
    ours: float
    other: float | None = None
    peer: str = ""
    target: Target | None = None
    size: bool = False  # bytes instead of seconds

    @property
    def ratio(self) -> float | None:
        return None if self.other is None else self.other / self.ours


class Ledger:
    """The figures of one run, in the order in which they were taken."""

    def __init__(self) -> None:
        self.figures: list[Figure] = []
        self.notes: list[str] = []

    def add(self, figure: Figure) -> None:
        self.figures.append(figure)

    def missing(self, name: str, mend: str) -> None:
        """A peer that is not here is named, and is no error."""
        self.notes.append(f"not measured: {name} ({mend})")

    def table(self) -> Iterable[str]:
        heads = ("measure", "ours", "other", "", "ratio", "target", "met")
        rows: list[tuple[str, ...]] = []
        group = ""
        order = list(dict.fromkeys(figure.group for figure in self.figures))
        for figure in sorted(self.figures, key=lambda figure: order.index(figure.group)):
            if figure.group != group:
                group = figure.group
                rows.append((group, *[""] * 6))
            rows.append(_row(figure))
        widths = [max(len(row[i]) for row in (heads, *rows)) for i in range(len(heads))]
        for row in (heads, *rows):
            cells = [
                cell.ljust(width) if i in (0, 3) else cell.rjust(width)
                for i, (cell, width) in enumerate(zip(row, widths, strict=True))
            ]
            yield "  ".join(cells).rstrip()
        yield from self.notes

    def line(self) -> dict[str, Any]:
        """One JSON object: where, when and what. Times in seconds, sizes in bytes."""
        return {
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "commit": _git("rev-parse", "--short", "HEAD"),
            "changed": bool(_git("status", "--porcelain", "--", "engine", "_fast", "statecharts")),
            "python": platform.python_version(),
            "cpu": _cpu(),
            "cores": len(_cores()),
            "load": _load(),
            "peers": {name: _version(name) for name in PEERS},
            "figures": [
                {
                    "group": figure.group,
                    "measure": figure.measure,
                    "ours": _short(figure.ours),
                    "other": _short(figure.other),
                    "peer": figure.peer,
                    "ratio": _short(figure.ratio),
                    "target": str(figure.target) if figure.target else "",
                    "met": figure.target.met(figure) if figure.target else None,
                    "size": figure.size,
                }
                for figure in self.figures
            ],
            "notes": self.notes,
        }

    def append(self, path: Path = RESULTS) -> None:
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(self.line(), ensure_ascii=False) + "\n")


def duration(seconds: float) -> str:
    for unit, scale in (("s", 1.0), ("ms", 1e3), ("us", 1e6)):
        if seconds * scale >= 1:
            return f"{seconds * scale:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def size(count: float) -> str:
    return f"{count / 1e6:.0f} MB"


def _row(figure: Figure) -> tuple[str, ...]:
    show = size if figure.size else duration
    met = figure.target.met(figure) if figure.target else None
    return (
        f"  {figure.measure}",
        show(figure.ours),
        "" if figure.other is None else show(figure.other),
        figure.peer if figure.other is not None else "",
        "" if figure.ratio is None else f"{figure.ratio:.3g} x",
        str(figure.target) if figure.target else "",
        {True: "yes", False: "NO", None: ""}[met],
    )


def _short(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.4g}")


def _git(*arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return done.stdout.strip()


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())


def _cores() -> set[int]:
    return os.sched_getaffinity(0)


def _load() -> float:
    return round(os.getloadavg()[0], 2)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
