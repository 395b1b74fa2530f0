"""``engine explain``: what would happen, and what makes no sense to ask."""

from __future__ import annotations

from pathlib import Path

import engine.settings_file
from tests.cli.conftest import Cli, Here

EXAMPLE = Path(engine.settings_file.__file__).parent / "examples" / "eight_tickers.toml"


def test_the_command_explains_a_file_and_refuses_what_makes_no_sense(
    engine: Cli, here: Here
) -> None:
    file = str(EXAMPLE)
    done = engine("explain", file, "--symbol", "NVDA", "--price", "50", "--atr", "0.25")

    assert (done.code, done.err) == (0, "")
    assert "stop: SELL 599 at 48.51" in done.out
    for words, said in (
        (["--symbol", "NVD"], "does not trade it, did you mean NVDA?"),
        (["--signal", "BYU"], "--signal BYU: did you mean BUY?"),
        (["--confidence", "60"], "it is between 0 and 1"),
        (["--price", "-1"], "--price -1: a number above 0"),
        (["--at", "9:30"], "--at 9:30: "),
        (["--spread", "200"], "--spread 200: it is below the price"),
    ):
        done = here("explain", file, *words)
        assert (done.code, done.out) == (2, "")
        assert said in done.err
