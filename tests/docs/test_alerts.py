"""Every alert that the engine can raise stands in docs/alerts.md, and nothing else does."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "alerts.md"
# What raises one, and where its text stands among the arguments.
TEXT_AT = {"alert": 1, "Noticed": 1, "notice": 1, "_notice": 0, "_warn": 0, "_pull": 2, "freeze": 3}
GAP = "…"


def template(node: ast.expr, function: ast.AST) -> Iterator[str]:
    """The texts that an expression may be, with a gap for whatever is filled in."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        words = [
            one.value if isinstance(one, ast.Constant) else GAP  # type: ignore[misc]
            for one in node.values
        ]
        yield re.sub(f"{GAP}+", GAP, "".join(map(str, words)))
    elif isinstance(node, ast.Name):
        for inner in ast.walk(function):
            if isinstance(inner, ast.Assign) and any(
                isinstance(target, ast.Name) and target.id == node.id for target in inner.targets
            ):
                yield from template(inner.value, function)


@cache
def raised() -> dict[str, str]:
    """Every text, with a place where it is raised."""
    found: dict[str, str] = {}
    for path in sorted((ROOT / "engine").rglob("*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        functions = [one for one in ast.walk(tree) if isinstance(one, ast.FunctionDef)]
        for function in functions:
            for call in ast.walk(function):
                if not isinstance(call, ast.Call):
                    continue
                name = getattr(call.func, "attr", getattr(call.func, "id", ""))
                at = TEXT_AT.get(name)
                if at is None or len(call.args) <= at:
                    continue
                place = f"{path.relative_to(ROOT)}:{call.lineno}"
                for text in template(call.args[at], function):
                    found.setdefault(text, place)
    return {text: place for text, place in found.items() if text.strip(GAP)}


def documented() -> set[str]:
    """The first cell of every row."""
    rows = re.findall(r"^\| `(.+?)` \|", PAGE.read_text("utf-8"), re.MULTILINE)
    return set(rows)


def test_every_alert_is_documented() -> None:
    texts = raised()
    assert len(texts) > 25
    known = documented()
    missing = {text: place for text, place in texts.items() if text not in known}
    assert missing == {}


def test_nothing_is_documented_that_nothing_raises() -> None:
    assert documented() - set(raised()) == set()


def test_every_row_says_what_to_do() -> None:
    for line in PAGE.read_text("utf-8").splitlines():
        if line.startswith("| `"):
            cells = [cell.strip() for cell in line.strip("|").split(" | ")]
            assert len(cells) == 4, line
            assert all(cells), line


def test_a_text_in_a_variable_and_one_with_gaps_are_found() -> None:
    source = (
        "def f(out, n):\n"
        "    told = f'{n}{n} shares of {n:.2f}'\n"
        "    out.alert('info', told)\n"
        "    out.alert('info', 'plain ' 'text')\n"
    )
    function = ast.parse(source).body[0]
    calls = [one for one in ast.walk(function) if isinstance(one, ast.Call)]
    texts = {text for call in calls for text in template(call.args[1], function)}
    assert texts == {"… shares of …", "plain text"}
