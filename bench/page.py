"""docs/performance.md and its pictures, made from bench/results.jsonl and nothing else.

Usage: python -m bench.page [DIRECTORY]   (docs, unless another one is named)

The newest line says what is: figures, peers, targets met or missed. All lines of the newest one's
processor make the pictures: a figure from commit to commit, and the ratios of the newest against
each peer.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from bench.ledger import RESULTS, ROOT, duration, size
from engine.report.markup import Markup, el
from engine.report.plot import Frame, Scale

DOCS: Final = ROOT / "docs"
PICTURES: Final = "pictures"
LINES: Final = 12  # of the past, in a picture
WIDTH, ROW, FOOT, LABELS, MARGIN = 760.0, 18.0, 24.0, 330.0, 90.0
STYLE: Final = (
    "text{font:11px sans-serif;fill:#333}.b{fill:#3b7dd8}.l{fill:none;stroke:#3b7dd8;"
    "stroke-width:1.5}.d{fill:#3b7dd8}.g{stroke:#ddd}.t{stroke:#c33;stroke-dasharray:4 3}"
    ".h{font-weight:bold}@media(prefers-color-scheme:dark){text{fill:#ccc}.g{stroke:#444}}"
)
# What is followed from commit to commit: its group (where one is needed) and its measure.
FOLLOWED: Final = (
    ("wire", "tick by tick, text, per message"),
    ("wire", "tick by tick, protobuf, per message"),
    ("decode", "tickByTick, text, cut + decoded + applied"),
    ("decode", "openOrder, protobuf, to a tuple"),
    ("encode", "place an order, protobuf"),
    ("core", "step: orderStatus, state changes"),
    ("core", "step: signal -> entry with its exits"),
    ("journal", "append + commit, full"),
    ("tick -> order bytes", "journal full, p50"),
    ("process", "Engine() -> live, five symbols"),
)  # fmt: skip
Line = dict[str, Any]
Figure = dict[str, Any]


def lines_of(text: str) -> list[Line]:
    return [json.loads(line) for line in text.splitlines() if line]


def files(lines: Sequence[Line]) -> dict[str, str]:
    """Name below the directory -> content."""
    newest = lines[-1]
    alike = [line for line in lines if line["cpu"] == newest["cpu"]][-LINES:]
    return {
        "performance.md": page(newest, alike),
        f"{PICTURES}/performance-ratios.svg": ratios(newest),
        f"{PICTURES}/performance-history.svg": history(alike),
    }


# -- words -----------------------------------------------------------------------------------------


def page(newest: Line, alike: Sequence[Line]) -> str:
    targets = [one for one in newest["figures"] if one["met"] is not None]
    met = sum(one["met"] for one in targets)
    peers = [f"{name} {told}" for name, told in newest["peers"].items() if told]
    parts = [
        "# Performance",
        "Made by `make bench-page` from `bench/results.jsonl`; "
        "[bench/README.md](../bench/README.md) says how the figures are taken.",
        f"Newest run: {newest['date'][:10]}, commit `{newest['commit']}`"
        f"{' with changes' if newest['changed'] else ''}, Python {newest['python']}, "
        f"{newest['cpu']}, {newest['cores']} cores, load {newest['load']}. "
        f"Beside it: {', '.join(peers)}.",
        f"**Targets: {met} of {len(targets)} met.**" if targets else "",
        *(["Missed:", _missed(targets)] if met < len(targets) else []),
        "## Against others",
        f"![How often slower each peer is]({PICTURES}/performance-ratios.svg)",
        "How many times as long the other takes for the same work in the same run. The scale is "
        "logarithmic.",
        "## From commit to commit",
        f"![Figures over {len(alike)} runs]({PICTURES}/performance-history.svg)",
        f"The last {len(alike)} runs on this processor, each figure from nothing up to its "
        "largest. A run is the more worth the lower its load.",
        "## All figures",
        *_groups(newest["figures"]),
    ]
    if newest["notes"]:
        parts += ["## Not measured", "\n".join(f"- {note}" for note in newest["notes"])]
    return "\n\n".join(part for part in parts if part) + "\n"


def _missed(targets: Iterable[Figure]) -> str:
    rows = [
        [one["group"], one["measure"].strip(), shown(one["ours"], one), ratio(one), one["target"]]
        for one in targets
        if not one["met"]
    ]
    return table(("what", "measure", "ours", "ratio", "target"), rows)


def _groups(figures: Sequence[Figure]) -> list[str]:
    parts = []
    for group in dict.fromkeys(one["group"] for one in figures):
        rows = [
            [
                one["measure"].strip(),
                shown(one["ours"], one),
                "" if one["other"] is None else shown(one["other"], one),
                one["peer"],
                ratio(one),
                one["target"],
                {True: "met", False: "**missed**", None: ""}[one["met"]],
            ]
            for one in figures
            if one["group"] == group
        ]
        heads = ("measure", "ours", "other", "peer", "ratio", "target", "")
        parts += [f"### {group[0].upper()}{group[1:]}", table(heads, rows)]
    return parts


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    told = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in told)


def shown(value: float, figure: Figure) -> str:
    # Lines from before sizes were told apart: no time here is a thousand seconds.
    return size(value) if figure.get("size") or value > 1_000 else duration(value)


def ratio(figure: Figure) -> str:
    return "" if figure["ratio"] is None else f"{figure['ratio']:.3g} x"


# -- pictures --------------------------------------------------------------------------------------


def drawn(frame: Frame, title: str, *parts: Markup) -> str:
    made = frame.drawing(title, el("style", Markup(STYLE)), *parts, class_="performance")
    return made.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1) + "\n"


def ratios(newest: Line) -> str:
    """A bar for each figure that has a peer, on a logarithmic scale."""
    found = [one for one in newest["figures"] if one["ratio"]]
    frame = Frame(WIDTH, ROW * (len(found) + 1) + FOOT, right=MARGIN, left=LABELS)
    low = min([1.0, *(one["ratio"] for one in found)])
    high = max([10.0, *(one["ratio"] for one in found)])
    across = frame.across(math.log10(low), math.log10(high))
    parts = []
    for power in range(math.ceil(math.log10(low)), math.floor(math.log10(high)) + 1):
        x = across(float(power))
        parts.append(el("line", class_="g", x1=x, x2=x, y1=0.0, y2=frame.height - FOOT))
        parts.append(el("text", f"{10.0**power:g} x", x=x - 8, y=frame.height - 8))
    for number, one in enumerate(found):
        y = ROW * (number + 0.5)
        begin, end = sorted((across(0.0), across(math.log10(one["ratio"]))))
        label = f"{one['measure'].strip()}, {one['peer']}"
        parts += [
            el("text", label if len(label) < 58 else f"{label[:56]}…", x=4.0, y=y + 10),
            el("rect", class_="b", x=begin, y=y + 1, width=max(end - begin, 1.0), height=ROW - 6),
            el("text", ratio(one), x=end + 4, y=y + 10),
        ]
        if one["target"].startswith(">="):
            at = across(math.log10(float(one["target"].split()[1])))
            parts.append(el("line", class_="t", x1=at, x2=at, y1=y, y2=y + ROW - 4))
    return drawn(frame, "How many times as long others take", *parts)


def history(alike: Sequence[Line]) -> str:
    """A small curve for each figure that is followed, with its newest value."""
    height = 2.4 * ROW
    rows = [(name, curve) for name in FOLLOWED if (curve := _curve(alike, *name))]
    frame = Frame(WIDTH, height * len(rows) + FOOT, right=MARGIN, left=LABELS)
    across = frame.across(0.0, float(max(len(alike) - 1, 1)))
    parts = []
    for number, ((group, measure), curve) in enumerate(rows):
        floor = height * (number + 1) - 6
        up = Scale(0.0, max(value for _, value in curve), floor, floor - height + 12)
        points = [(across(float(at)), up(value)) for at, value in curve]
        parts += [
            el("text", group, class_="h", x=4.0, y=floor - 16),
            el("text", measure, x=4.0, y=floor - 3),
            el("line", class_="g", x1=LABELS, x2=WIDTH - MARGIN, y1=floor, y2=floor),
            el("polyline", class_="l", points=" ".join(f"{x:.1f},{y:.1f}" for x, y in points)),
            *(el("circle", class_="d", cx=x, cy=y, r=2) for x, y in points),
            el("text", duration(curve[-1][1]), x=points[-1][0] + 6, y=points[-1][1] + 4),
        ]
    ends = [(0, alike[0])] if len(alike) == 1 else [(0, alike[0]), (len(alike) - 1, alike[-1])]
    for at, line in ends:
        x = across(float(at)) - 20
        parts.append(el("text", line["commit"], x=x, y=frame.height - 6))
    return drawn(frame, "Figures from commit to commit", *parts)


def _curve(alike: Sequence[Line], group: str, measure: str) -> list[tuple[int, float]]:
    """(number of the run, figure), where the run has it."""
    return [
        (number, found[0])
        for number, line in enumerate(alike)
        if (
            found := [
                one["ours"]
                for one in line["figures"]
                if one["measure"] == measure and one["group"].startswith(group)
            ]
        )
    ]


def write(directory: Path, lines: Sequence[Line]) -> list[Path]:
    written = []
    for name, content in files(lines).items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
        written.append(path)
    return written


def main() -> None:
    directory = Path(sys.argv[1]) if len(sys.argv) > 1 else DOCS
    for path in write(directory, lines_of(RESULTS.read_text("utf-8"))):
        sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    main()
