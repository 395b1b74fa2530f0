"""Scripts of faults: what they mean, what is wrong with them, and when their faults are armed."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import ConfigError
from engine.sim import instruments
from engine.sim.fault_plan import FaultPlan
from engine.sim.fault_script import parse, read
from engine.sim.faults import KINDS, SECOND_NS, Moment
from engine.sim.launch import DAY

OPEN_NS = instruments.session(DAY)[0]


def test_a_script_is_read_line_by_line(tmp_path: Path) -> None:
    script = tmp_path / "day.txt"
    script.write_text(
        """
        # what goes wrong on this day
        start               drop openOrder,orderStatus chance=20%
        09:45:00..10:00:00  policy-free # no such fault
        """.replace("policy-free", "mute symbol=IBM")
        + "order:2 reject code=201 text='no margin left'\n+90.5s halt BAC for=5m kind=2\n"
        + "16:00:00.250 reset client=3\n"
    )

    drop, mute, reject, halt, reset = read(script)

    assert (drop.kind.name, drop["messages"], drop["chance"]) == ("drop", {3, 5}, 0.2)
    assert (drop["count"], drop["for"], drop["scope"]) == (None, None, "live")
    assert (mute.when.begin, mute.when.end) == (
        Moment((9 * 60 + 45) * 60 * SECOND_NS),
        Moment(10 * 3600 * SECOND_NS),
    )
    assert mute["symbol"] == "IBM"
    assert (reject.when.event, reject.when.number, reject["text"]) == ("order", 2, "no margin left")
    assert halt.when.begin == Moment(90_500_000_000, since_start=True)
    assert (halt["symbol"], halt["for"], halt["kind"]) == ("BAC", 300 * SECOND_NS, 2)
    assert reset.when.begin == Moment(16 * 3600 * SECOND_NS + 250_000_000)
    assert reset["client"] == 3
    assert halt.line == "+90.5s halt BAC for=5m kind=2"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("start", "'start' stands alone; write WHEN FAULT"),
        ("start dorp openOrder", "no fault is called 'dorp'; did you mean drop?"),
        ("start xyzzy", "no fault is called 'xyzzy'; there are drop, repeat"),
        ("noon drop openOrder", "'noon' is no time; write start, HH:MM:SS, +30s"),
        ("24:00:00 reset", "'24:00:00' is no time"),
        ("+5 reset", "'5' is no time; write 500ms, 30s, 5m or 1h"),
        ("order:0 reset", "counting begins with 1"),
        ("+5s..+3s mute", "the end must come after the beginning"),
        ("+5s..10:00:00 mute", "by the same clock"),
        ("+1s..+2s reset", "reset happens at one moment"),
        ("+1s..+2s mute for=3s", "mute ends twice"),
        ("start drop", "drop needs messages, as in: drop orderStatus"),
        ("start halt IBM", "halt needs for, as in: halt IBM for=30s"),
        ("start drop openOdrer", "'openOdrer' is not known; did you mean openOrder?"),
        ("start drop openOrder chance=2", "chance: '2' is not a percentage"),
        ("start drop openOrder chance=120%", "not a percentage from 0% to 100%"),
        ("start drop openOrder count=-1", "count: '-1' is not a count"),
        ("start drop openOrder cuont=1", "drop has no 'cuont'; did you mean count?"),
        ("start drop openOrder count=1 count=2", "count is stated twice"),
        ("start drop openOrder twice", "'twice' is one word too many"),
        ("start drop openOrder scope=some", "'some' is not one of live, answer, any"),
        ("start say hello", "code: 'hello' is not a whole number"),
        ("start stuck types=STP,PEG", "'PEG' is no order type; there are MKT"),
        ("start policy margin=yes", "'yes' is not one of ignore, refuse"),
        ("start policy colour=red", "write NAME=VALUE; the names are"),
        ("start order-by-hand IBM BUY many", "quantity: 'many' is not a number"),
        ("start order-by-hand IBM BUY Infinity", "is not a finite number"),
        ("start order-by-hand IBM BUY 1e30", "quantity: '1e30' is beyond 1000000000"),
        ("start change-by-hand price=-1e9", "price: '-1e9' is beyond 1000000000"),
        ("start say 2147483648", "code: '2147483648' is beyond 32 bits"),
        ("start say 1100 id=-2147483649", "id: '-2147483649' is beyond 32 bits"),
        ("start next-id higher=10000001", "higher: '10000001' is above 10000000"),
        ("start say 1100 times=10000001", "times: '10000001' is above 10000000"),
        ("+1000000000h reset", "'1000000000h' is longer than ten years"),
        ("start mute for=87601h", "for: '87601h' is longer than ten years"),
        ("start say 1 text='open", "a quotation mark is not closed"),
    ],
)
def test_what_is_wrong_is_said_with_its_place_and_its_mend(line: str, told: str) -> None:
    with pytest.raises(ConfigError, match=r"^day\.txt line 2: ") as refused:
        parse(["# comment", line], "day.txt")
    assert told in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_file_that_is_no_script(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        read(tmp_path / "nowhere.txt")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="is not text"):
        read(tmp_path / "binary")
    with pytest.raises(ConfigError, match="more than 10000 lines"):
        parse(["#"] * 10_001)


@given(st.lists(st.text(max_size=60), max_size=5))
def test_no_text_makes_the_parser_fail_in_any_other_way(lines: list[str]) -> None:
    try:
        parse(lines)
    except ConfigError as problem:
        assert str(problem).startswith("faults line ")


def test_every_parameter_of_the_catalogue_has_a_sound_default() -> None:
    """A sample states what must be stated; everything else comes from the table."""
    for kind in KINDS.values():
        (fault,) = parse([f"start {kind.samples[0].format(symbol='IBM')}"])
        assert set(fault.arguments) == {one.name for one in kind.parameters}


# -- when they are armed -----------------------------------------------------------------------


def plan(*lines: str, seed: int = 1) -> FaultPlan:
    return FaultPlan(parse(lines), seed, OPEN_NS)


def acts(made: FaultPlan, seconds: float) -> list[str]:
    made.reach(OPEN_NS + int(seconds * SECOND_NS))
    return [fault.kind.name for fault in made.due()]


def test_rules_are_armed_for_their_while() -> None:
    made = plan("+5s..+10s mute", "start drop openOrder for=7s", "09:30:20 stuck for=1s")
    seen = []
    for second in range(24):
        made.reach(OPEN_NS + second * SECOND_NS)
        seen.append("".join(name[0] for name in ("mute", "drop", "stuck") if made.armed(name)))
    assert seen == ["d"] * 5 + ["md"] * 2 + ["m"] * 3 + [""] * 10 + ["s"] + [""] * 3


def test_a_rule_acts_as_often_as_it_may_and_only_where_it_is_meant_to() -> None:
    made = plan("start reject what=change count=2", "start reject what=new count=1")

    def taken(what: str) -> bool:
        return made.take("reject", lambda fault: fault["what"] == what) is not None

    assert [taken("change"), taken("new"), taken("new"), taken("change"), taken("change")] == [
        True, True, False, True, False
    ]  # fmt: skip
    assert [row["happened"] for row in made.report()] == [2, 1]


def test_chances_are_those_of_the_seed() -> None:
    def took(seed: int) -> list[bool]:
        made = plan("start double chance=30% count=unlimited", seed=seed)
        return [made.take("double") is not None for _ in range(200)]

    assert took(1) == took(1) != took(2)
    assert 40 < sum(took(1)) < 80
    assert plan("start double chance=0%").take("double") is None


def test_events_are_counted_and_each_line_waits_for_its_own() -> None:
    made = plan("order:2 reset", "order:2 double", "fill:1 say 1100 times=3 every=10s")
    made.happened("order")
    assert made.due() == [] and not made.armed("double")
    made.happened("order")
    assert [fault.kind.name for fault in made.due()] == ["reset"]
    assert made.armed("double")
    made.happened("fill")
    assert acts(made, 0) == ["say"]
    assert acts(made, 9.9) == []
    assert acts(made, 10) == ["say"]
    assert acts(made, 60) == ["say"]
    assert made.next_ns is None


def test_a_time_of_day_that_has_passed_is_tomorrows() -> None:
    made = plan("09:29:00 reset", "09:31:00 close")
    assert acts(made, 60) == ["close"]
    assert acts(made, 86_400 - 61) == []
    assert acts(made, 86_400 - 60) == ["reset"]


def test_faults_are_added_while_it_runs() -> None:
    made = plan()
    acts(made, 30)
    made.happened("fill")
    (late, event, passed) = parse(["+5s reset", "fill:2 close", "fill:1 close"])
    made.add(late)
    assert acts(made, 30) == ["reset"]
    made.add(event)
    made.happened("fill")
    assert acts(made, 30) == ["close"]
    with pytest.raises(ConfigError, match="there have been 2 of fill; name a later one"):
        made.add(passed)


def test_decimals_are_exact() -> None:
    (fault,) = parse(["start correct price=-0.05 quantity=2.5"])
    assert (fault["price"], fault["quantity"]) == (Decimal("-0.05"), Decimal("2.5"))
