"""Durations, lists of names, and options that take several values."""

from __future__ import annotations

import pytest

from engine.cli.main import spread
from engine.cli.words import duration_s, names
from engine.errors import UserError


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30s", 30.0), ("2m", 120.0), ("1h", 3600.0), ("500ms", 0.5), ("7", 7.0), (" 1.5m ", 90.0)],
)
def test_a_duration_is_read(text: str, seconds: float) -> None:
    assert duration_s(text) == seconds


@pytest.mark.parametrize("text", ["", "s", "3x", "0", "-1s", "nan", "inf", "1 2", "1d"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="write it as 30s, 2m or 1h"):
        duration_s(text)


def test_names_lose_blanks_and_empty_places() -> None:
    assert names(" A, BRK B ,,C") == ("A", "BRK B", "C")
    assert names("") == ()


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (["--ticks", "A", "B", "--seed", "1"], ["--ticks", "A", "--ticks", "B", "--seed", "1"]),
        (["--ticks", "A", "--ticks", "B", "C"], ["--ticks", "A", "--ticks", "B", "--ticks", "C"]),
        (["--seed", "1", "2"], ["--seed", "1", "2"]),
        (["--ticks=A", "B"], ["--ticks=A", "B"]),
        (["--policy", "a=1", "b=2"], ["--policy", "a=1", "--policy", "b=2"]),
    ],
)
def test_several_values_after_one_option(given: list[str], meant: list[str]) -> None:
    assert spread(["run", *given]) == ["run", *meant]
