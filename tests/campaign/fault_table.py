"""Every fault in every one of the twelve trades, and what came of it: docs/faults.md.

    python -m tests.campaign.fault_table docs/faults.md

In each trade two samples of a fault are played, each at one of the moments that matter, so that
the twelve trades together meet all samples and all moments. A run has to keep every law and come
to rest; how it ended, compared with the same trade undisturbed, is the table's word.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path
from typing import Final

import attrs

from engine.campaign.trial import Outcome, play
from engine.sim.faults import KINDS, FaultKind
from engine.verify.jobs import processors
from tests.campaign import fault_rows
from tests.campaign.canon import CANON
from tests.campaign.fault_matrix import MATRIX
from tests.campaign.fault_pains import PAINS

PAGE: Final = Path(__file__).parents[2] / "docs" / "faults.md"
# When orders are on their way: the entry's, the fill's, and what the next prompt sets off.
WHENS: Final = {
    "rule": ("order:1", "fill:1", "+99s", "+119s"),
    "act": ("+40.002s", "fill:1", "+100.5s", "+120.004s"),
}
LASTS: Final = "for=120s"
SAMPLES: Final = 2  # of a fault, in each trade
WORDS: Final = ("same", "flat", "held", "no trade", "frozen")
_HEAD: Final = """# Faults and what comes of them

Written by `make faults`; a test holds a part of it against the engine each time, and all of it is played anew by the command. Rows are the faults of the [simulator](simulator.md), columns twelve trades in a market that moves only when the story says so. In each trade two samples of a fault are played, by turns, at moments when orders are on their way, by the whole engine in virtual time. Then faults stop, and the engine has to come to rest within minutes: flat or protected, agreed with the broker, nothing left behind. Every law of [verification](verification.md) holds in every run of this table.

| word | how it ended |
|---|---|
| same | the trades ended for the same reasons and with the same shares as undisturbed |
| flat | nothing is held, but something ended otherwise: another reason, another time, a trade more or less |
| held | the account holds shares at the end where the undisturbed story has others: ours are protected, a stranger's are counted apart |
| no trade | nothing was ever bought or sold |
| frozen | broker and executions cannot agree any more, or somebody else's shares are in the way of the policy: protected, and a person is asked |
| - | the fault found nothing to break |

Several words: samples of the fault ended differently.
"""  # noqa: E501
_STORIES: Final = """
## The trades

| trade | what happens, in seconds from the opening |
|---|---|
"""


@attrs.frozen
class Cell:
    fault: str
    trade: str

    @property
    def lines(self) -> tuple[str, ...]:
        """Of some samples, by turns, each at its moment."""
        kind = KINDS[self.fault]
        whens = WHENS[kind.nature]
        turn = list(CANON).index(self.trade)
        numbers = [SAMPLES * turn + n for n in range(SAMPLES)]
        chosen = dict.fromkeys(kind.samples[number % len(kind.samples)] for number in numbers)
        late = turn + list(KINDS).index(self.fault)
        return tuple(
            _line(kind, sample, whens[(late + n) % len(whens)]) for n, sample in enumerate(chosen)
        )


def _line(kind: FaultKind, sample: str, when: str) -> str:
    words = sample.format(symbol="IBM")
    endless = kind.nature == "rule" and "for=" not in words and "count=" not in words
    return f"{when} {words} {LASTS}" if endless else f"{when} {words}"


@cache
def undisturbed(trade: str) -> Outcome:
    outcome = play(CANON[trade])
    assert outcome.violation is None, (trade, outcome.violation)
    return outcome


def word(trade: str, line: str) -> str:
    """How one run ended.

    Raises:
        AssertionError: a law was broken.
    """
    story = CANON[trade]
    outcome = play(attrs.evolve(story, faults=(*story.faults, line)))
    assert outcome.violation is None, f"{trade}, {line}: {outcome.violation}"
    if not outcome.fault_lines.get(line):
        return "-"
    if outcome.frozen:
        return "frozen"
    calm = undisturbed(trade)
    if outcome.held == calm.held and _ends(outcome) == _ends(calm):
        return "same"
    if not outcome.executions:
        return "no trade"
    return "held" if outcome.held != calm.held and outcome.held else "flat"


def _ends(outcome: Outcome) -> dict[str, int]:
    return {name: n for name, n in outcome.counts.items() if name.startswith("trade ended")}


def fill(cell: Cell) -> str:
    """The words of all samples, best first; "-" only if none found anything."""
    found = {word(cell.trade, line) for line in cell.lines}
    return ", ".join(one for one in WORDS if one in found) or "-"


def cells() -> list[Cell]:
    return [Cell(fault, trade) for fault in KINDS for trade in CANON]


def rows(words: dict[Cell, str]) -> Iterator[str]:
    yield f"| fault | {' | '.join(CANON)} |"
    yield "|---" * (len(CANON) + 1) + "|"
    for fault in KINDS:
        found = [words[Cell(fault, trade)] for trade in CANON]
        yield f"| [{fault}](simulator.md#faults) | {' | '.join(found)} |"


def stories() -> Iterator[str]:
    for name, story in CANON.items():
        said = [str(one).removeprefix("+").replace("s ", " ", 1) for one in story.prompts]
        said += [f"`{line}`" for line in story.faults]
        yield f"| {name} | {'; '.join(said)} |"


def proofs() -> Iterator[str]:
    """The two tables as docs/faults.md has them."""
    yield "\n## The fault matrix\n"
    yield (
        "What is known to go wrong between an order engine and its broker: the fault that makes it "
        "happen at the simulator, or `-` where it happens to the client itself or its machine, and "
        "tests that play it, below `tests/`. Faults of the first column are also played in the "
        "table above, and drawn by campaigns."
    )
    yield "\n| row | what goes wrong | by | shown by |\n|---|---|---|---|"
    yield from map(fault_rows.line, MATRIX)
    yield "\n## What users of such software suffer from\n"
    yield "Collected from the trackers of other engines and libraries.\n"
    yield "| | what happens to them | by | shown by |\n|---|---|---|---|"
    yield from map(fault_rows.line, PAINS)


def page(words: dict[Cell, str]) -> str:
    told = [*rows(words), _STORIES.rstrip("\n"), *stories(), *proofs()]
    return "\n".join([_HEAD, *told, ""])


def read(text: str) -> dict[Cell, str]:
    """The words of a page."""
    found = {}
    for line in text.splitlines():
        name = line.partition("[")[2].partition("]")[0]
        if line.startswith("| [") and name in KINDS:
            written = [one.strip() for one in line.strip("|").split("|")[1:]]
            found.update((Cell(name, t), w) for t, w in zip(CANON, written, strict=True))
    return found


def main() -> int:
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else PAGE
    wanted = cells()
    words: dict[Cell, str] = {}
    failed: list[str] = []
    with ProcessPoolExecutor(processors()) as pool:
        for number, (cell, done) in enumerate(
            [(cell, pool.submit(fill, cell)) for cell in wanted], 1
        ):
            try:
                words[cell] = done.result()
            except AssertionError as problem:
                words[cell] = "FAILED"
                failed.append(str(problem))
                print(problem, flush=True)
            if sys.stderr.isatty():
                print(f"\r{number} of {len(wanted)} cells", end="", file=sys.stderr, flush=True)
    path.write_text(page(words), "utf-8")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
