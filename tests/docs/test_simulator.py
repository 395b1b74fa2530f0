"""The simulator's page says what the code does: its tables come from the code's own tables."""

from __future__ import annotations

import re
from pathlib import Path

import attrs
import pytest

from engine.sim.fault_script import parse
from engine.sim.faults import ACT_COMMON, KINDS, RULE_COMMON, FaultKind
from engine.sim.order_types import TIMES, TYPES
from engine.sim.policies import Policies, choices
from engine.sim.profiles import PROFILES

PAGE = (Path(__file__).parents[2] / "docs" / "simulator.md").read_text("utf-8")


def usage(kind: FaultKind) -> str:
    """How a line states it; what every rule or act takes is said once, above the table."""
    common = (RULE_COMMON if kind.nature == "rule" else ACT_COMMON).split()
    shared = {word.split(":")[0]: word for word in common}
    words = [kind.name]
    for one in kind.parameters:
        written = f"{one.name}:{one.type}={one.default}"
        if one.name in shared and shared[one.name] == written:
            continue
        choice = one.type.split("|") if "|" in one.type else []
        if one.default is None:
            words.append(one.type if choice else one.name.upper())
        else:  # the default first
            ordered = [one.default, *(word for word in choice if word != one.default)]
            words.append(f"[{one.name}={'|'.join(ordered)}]")
    return " ".join(words).replace("|", "\\|")


def fault_table() -> str:
    rows = ["| fault | | what goes wrong | rows |", "|---|---|---|---|"]
    for kind in KINDS.values():
        numbers = " ".join(map(str, kind.rows))
        meaning = kind.meaning.replace("``", "`")
        rows.append(f"| `{usage(kind)}` | {kind.nature} | {meaning} | {numbers} |")
    return "\n".join(rows)


def policy_table() -> str:
    rows = ["| policy | answers, default first |", "|---|---|"]
    known = choices()
    for policy in attrs.fields(Policies):
        values = known.get(policy.name, (policy.default,))
        words = [str(one).lower() if isinstance(one, bool) else str(one) for one in values]
        rows.append(f"| `{policy.name}` | {', '.join(words)} |")
    return "\n".join(rows)


def profile_table() -> str:
    rows = ["| profile | stands for | differs in |", "|---|---|---|"]
    for name, profile in PROFILES.items():
        answers = (
            f"`{one}={str(value).lower() if isinstance(value, bool) else value}`"
            for one, value in profile.answers.items()
        )
        rows.append(f"| `{name}` | {profile.meaning} | {', '.join(answers)} |")
    return "\n".join(rows)


def type_table() -> str:
    triggers = {
        "none": "at once",
        "stop": "the last trade at its stop price or beyond",
        "touch": "the last trade at its price, or better",
        "trail": "the last trade at a stop that follows it, and never back",
        "close": "the close of the session",
    }
    pricings = {
        "market": "what the other side shows",
        "limit": "the same, no worse than its limit",
        "pegged": "its own side of the quote, improved by its offset, up to its limit",
    }
    rows = ["| type | set off by | trades at | outside hours |", "|---|---|---|---|"]
    for kind in TYPES.values():
        price = pricings[kind.pricing]
        if kind.trigger == "close":
            price = "the last trade of the session" + (", if its limit allows" * kind.limited)
        outside = "if it wishes" if kind.extended else "no (2109)"
        rows.append(f"| {kind.name} | {triggers[kind.trigger]} | {price} | {outside} |")
    return "\n".join(rows)


def time_table() -> str:
    ends = {"close": "with the session", "date": "at its date", "never": "never"}
    rows = ["| time in force | ends | |", "|---|---|---|"]
    for one in TIMES.values():
        more = []
        if one.once:
            more.append("what its first chance to trade leaves is cancelled")
        if one.whole:
            more.append("fills whole or not at all")
        if one.name == "OPG":
            more.append("its one chance is the first trade of the next session")
        rows.append(f"| {one.name} | {ends[one.ends]} | {'; '.join(more)} |")
    return "\n".join(rows)


@pytest.mark.parametrize(
    "table", [fault_table, policy_table, profile_table, type_table, time_table]
)
def test_the_tables_are_those_of_the_code(table) -> None:
    assert table() in PAGE, f"put this into docs/simulator.md:\n{table()}"


def test_the_scripts_of_the_page_can_be_read() -> None:
    scripts = re.findall(r"```faults\n(.*?)```", PAGE, re.DOTALL)
    assert scripts
    for script in scripts:
        assert parse(script.splitlines())


def test_the_programs_of_the_page_run() -> None:
    programs = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(programs) >= 2
    for program in programs:
        if "def test_" not in program:
            exec(compile(program, "docs/simulator.md", "exec"), {})
