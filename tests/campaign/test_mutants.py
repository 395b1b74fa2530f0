"""Every fault can be made today, and some are hunted for real."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from tests.campaign.fault import Fault
from tests.campaign.faults import FAULTS
from tests.campaign.mutants import (
    ROOT,
    Finder,
    Found,
    Tree,
    UnfitError,
    by_tests,
    document,
    exploration,
    hunt,
    main,
    mutated,
    report,
    scenarios,
)

BY_NAME = {fault.name: fault for fault in FAULTS}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_can_be_made(fault: Fault) -> None:
    sound = (ROOT / fault.file).read_text("utf-8")

    broken = mutated(fault, sound)

    assert ast.dump(ast.parse(broken)) != ast.dump(ast.parse(sound))


def test_there_are_many_and_each_has_its_name() -> None:
    assert len(FAULTS) >= 28
    assert len(BY_NAME) == len(FAULTS)
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", name) for name in BY_NAME)


@pytest.mark.parametrize("text", ["x = 1", "x = 2 and x = 2"])
def test_a_text_that_is_not_there_once_is_told(text: str) -> None:
    fault = Fault("a-fault", "", "engine/exits.py", "x = 2", "x = 3")
    with pytest.raises(UnfitError, match=r"a-fault: does not apply any more: .* engine/exits.py"):
        mutated(fault, text)


# -- for real ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tree]:
    made = Tree(tmp_path_factory.mktemp("tree") / "copy")
    before = {path: path.read_bytes() for path in made.root.rglob("*.py")}
    yield made
    assert {path: path.read_bytes() for path in before} == before


def money(tree: Tree, _: Fault) -> Found | None:
    return by_tests(tree, "tests", "tests/core/test_money.py")


@pytest.mark.parametrize(
    ("name", "finder", "by"),
    [
        ("cover-one-short", scenarios, r"test_scenarios\.py::test_scenario\["),
        ("exit-side-swapped", exploration(100), "law [46] in held-long"),
    ],
)
def test_a_fault_is_found(tree: Tree, name: str, finder: Finder, by: str) -> None:
    outcome = hunt(tree, BY_NAME[name], [finder])

    assert outcome.problem == ""
    assert outcome.found is not None
    assert re.search(by, outcome.found.by)


def test_what_nobody_looks_for_survives(tree: Tree) -> None:
    outcome = hunt(tree, BY_NAME["cover-one-short"], [money])

    assert (outcome.found, outcome.problem) == (None, "")
    assert "nobody" in document([outcome])
    assert report([outcome])[0]["finder"] is None


def test_what_fails_without_a_fault_is_no_find(tree: Tree) -> None:
    def eager(_: Tree, __: Fault) -> Found:
        return Found("tests", "tests/of/moods.py", lambda _: False)

    outcome = hunt(tree, BY_NAME["cover-one-short"], [eager])

    assert outcome.found is None
    assert outcome.problem == "tests/of/moods.py fails without any fault; mend that first"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--only", "cover"], "there is no fault of this name"),
        (["--table", "x.md", "--only", "cover-one-short"], "takes the whole run"),
        (["--jobs", "0"], "at least 1"),
    ],
)
def test_a_wrong_option_is_told_in_a_line(
    capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)

    assert ended.value.code == 2
    assert said in capsys.readouterr().err.splitlines()[-1]


def test_the_page_lists_every_fault_and_who_finds_it() -> None:
    rows = re.findall(
        r"^\| `(\S+)`.*$", (ROOT / "docs/mutants.md").read_text("utf-8"), re.MULTILINE
    )
    assert rows == [fault.name for fault in FAULTS], "make mutants ARGS='--table docs/mutants.md'"
    assert "nobody" not in (ROOT / "docs/mutants.md").read_text("utf-8").split("|", 1)[1]
