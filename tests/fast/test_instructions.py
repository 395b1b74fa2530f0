"""What a stage of the hot path costs, in instructions: more than before is found here, however
busy the machine is."""

from __future__ import annotations

import pytest

from bench import instructions
from bench.compiled import compiled
from bench.instructions import faults, inclusive

TOLD = {"compiler": "gcc 1", "instructions": {"reference": 100.0, "tick": 200.0}}


@pytest.mark.slow
def test_no_stage_takes_more_or_fewer_instructions_than_is_written_down() -> None:
    if missing := instructions.unavailable():
        pytest.skip(f"instructions are not counted: {missing}")
    now = instructions.counted()

    assert faults(now, instructions.compiler(), instructions.expected()) == []


def test_every_stage_is_written_down() -> None:
    assert set(instructions.expected()["instructions"]) == set(compiled("stages").NAMES)


@pytest.mark.parametrize(
    ("now", "by", "said"),
    [
        ({"reference": 100.0, "tick": 204.0}, "gcc 1", []),
        ({"reference": 100.0, "tick": 210.0}, "gcc 1", ["tick: 210.0 instructions, +5.0% of 200"]),
        ({"reference": 100.0, "tick": 190.0}, "gcc 1", ["tick: 190.0 instructions, -5.0% of 200"]),
        ({"reference": 150.0, "tick": 300.0}, "clang", []),  # all of it is dearer there
        ({"reference": 100.0, "tick": 300.0}, "clang", ["tick: 300.0 instructions, +50.0%"]),
        ({"reference": 100.0}, "gcc 1", ["tick is not in both"]),
    ],
)
def test_what_is_further_off_than_it_may_be_is_told(now, by, said) -> None:
    found = faults(now, by, TOLD)

    assert len(found) == len(said)
    assert all(one.startswith(begin) for one, begin in zip(found, said, strict=True))


def test_the_cost_of_a_function_is_its_own_and_that_of_its_calls() -> None:
    file = """
    events: Ir
    fn=(1) one
    7 100
    cfn=(2) two
    calls=3 40
    +1 30
    fn=(2)
    40 10
    calls=1 2
    * 20
    fn=(1)
    8 5
    totals: 145
    """

    assert inclusive(line.strip() for line in file.splitlines()) == {"one": 135, "two": 30}
