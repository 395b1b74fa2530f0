"""``engine check``: mistakes and dangers of files, with their lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.cli.check import check
from tests.cli.conftest import Cli

SAFE = '[strategy]\nsymbols = ["IBM", "SPY"]\n'
DANGERS = [  # a file, the line, the path, what is told
    (SAFE + "close_before_end_s = false", 3, "strategy.close_before_end_s", "held overnight"),
    (SAFE + "close_before_end_s = 5", 3, "strategy.close_before_end_s", "begins 5 s before the"),
    (SAFE + "pattern = false", 3, "strategy.pattern", "no rule closes at the end of the day"),
    (SAFE + "confidence_min = 0", 3, "strategy.confidence_min", "every signal is traded"),
    (SAFE + "cooldown_s = 0", 3, "strategy.cooldown_s", "nothing keeps signals from trading in"),
    (SAFE + "stop = {percent = 40}", 3, "strategy.stop.percent", "40 % away is next to none"),
    (SAFE + "stop_unfilled_after_s = false", 3, "strategy.stop_unfilled_after_s", "left alone"),
    (
        SAFE + "double_down = {levels = [0.5, 0.95]}",
        3,
        "strategy.double_down.levels",
        "an add 95 % of the way to the stop is stopped out as it fills",
    ),
    (
        SAFE + "double_down = {levels = [0.3, 0.6]}\ntarget = [{atr = 1}, {atr = 2}, {atr = 3}]",
        3,
        "strategy.double_down.levels",
        "the entry and each add have 3: only 1 of 2 adds fit, the others are refused",
    ),
    (
        SAFE + "scale_in = {times_max = 4}\ntarget = [{atr = 1, portion = 50}]",
        3,
        "strategy.scale_in.times_max",
        "the entry and each add have 2: only 3 of 4 adds fit, the others are refused",
    ),
    (
        SAFE + f"scale_in = {{times_max = {'9' * 18}}}",
        3,
        "strategy.scale_in.times_max",
        f"the entry and each add have 1: only 7 of {'9' * 18} adds fit",
    ),
    (
        SAFE + "sizing = {shares = 20000}",
        3,
        "strategy.sizing.shares",
        "20000 shares are above limits.order_shares_max: every entry is refused",
    ),
    (
        SAFE + "sizing = {dollars = 1500000}",
        3,
        "strategy.sizing.dollars",
        "1500000 is above limits.order_notional_max",
    ),
    (
        SAFE + "sizing = {dollars = 900000}\nstop = {atr = 2}\ndouble_down = {levels = [0.3, 0.6]}",
        3,
        "strategy.sizing.dollars",
        "with all adds 3600000, above limits.position_notional_max",
    ),
    (
        SAFE + "sizing = {dollars = 900000}\nstop = {percent = 20}",
        3,
        "strategy.sizing.dollars",
        "20 % of up to 900000 is above limits.position_risk_max",
    ),
    (SAFE + "sizing = {risk_percent = 5}", 3, "strategy.sizing.risk_percent", "5 % of the accou"),
    (
        SAFE + "target = {amount = 0.01}",
        3,
        "strategy.target[0].amount",
        "0.01 away is nearer than many spreads",
    ),
    (
        SAFE + "target = {amount = 0.05}\nenter_when = 'flat and spread <= 0.10'",
        3,
        "strategy.target[0].amount",
        "0.05 away is nearer than a spread of 0.1, which is let in",
    ),
    (SAFE + "target = [\n{percent = 0.01}]", 4, "strategy.target[0].percent", "nearer than many"),
    (
        SAFE + "[strategy.symbol.SPY]\ncooldown_s = 0",
        4,
        "strategy.symbol.SPY.cooldown_s",
        "nothing keeps signals from trading",
    ),
    (SAFE + "[strategy.template.calm]", 3, "strategy.template.calm", "no symbol names it"),
    (
        SAFE + '[[strategy.rules]]\nid = "r"\nwhen = \'signal == "BUY"\'\n'
        'then = {kind = "order", side = "BUY", quantity = 1}',
        6,
        "strategy.rules[0].then",
        "rule r: no stop protects what its order opens",
    ),
    (
        SAFE + '[[strategy.rules]]\nid = "r"\nwhen = \'signal == "BUY"\'\n'
        'then = {kind = "enter", side = "BUY", trade = {stop = {percent = 90}}}',
        6,
        "strategy.rules[0].then.trade.stop.percent",
        "90 % away is next to none",
    ),
    (SAFE + "[limits]\nrestricted = ['SPY']", 4, "limits.restricted", "SPY is never opened"),
    (
        SAFE + "[limits]\ngross_notional_max = 50000",
        4,
        "limits.gross_notional_max",
        "all symbols together are 60000, above it",
    ),
    (
        SAFE + "[[limits.groups]]\nname = 'g'\nsymbols = ['QQQ']\nnotional_max = 5",
        5,
        "limits.groups[0].symbols",
        "QQQ is not among the symbols",
    ),
    (SAFE + "[broker]\nlive = true", 4, "broker.live", "real money without a name"),
    (SAFE + "[broker]\nlive = true\naccount = 'U1'", 4, "broker.live", "engine run wants --live"),
    (SAFE + "[broker]\nport = 7496", 4, "broker.port", "where TWS listens for live accounts"),
    (SAFE + "[broker]\nhost = '10.0.0.9'", 4, "broker.host", "engine run wants remote_ok = true"),
    (
        SAFE + "[signals.poll]\nurl = 'http://far.example'\nplain_ok = true",
        5,
        "signals.poll.plain_ok",
        "whoever is on the way reads the key",
    ),
    (
        SAFE + "[signals.webhook]\nhost = '0.0.0.0'\nremote_ok = true",
        5,
        "signals.webhook.remote_ok",
        "put a proxy with TLS before it",
    ),
]


@pytest.mark.parametrize(("text", "line", "path", "said"), DANGERS, ids=[one[2] for one in DANGERS])
def test_a_danger_is_told_with_its_line_and_no_other(
    text: str, line: int, path: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "s.toml"
    file.write_text(text)

    assert check([file]) == 0
    first, last = capsys.readouterr().out.splitlines()
    assert first.startswith(f"{file}:{line}: warning: {path}: ")
    assert said in first
    assert last.startswith(f"{file}: can be used, 2 symbols, ")
    assert last.endswith(", 1 warning")


def test_a_safe_file_has_no_warning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "s.toml"
    file.write_text(SAFE)

    assert check([file]) == 0
    assert capsys.readouterr().out == f"{file}: can be used, 2 symbols, 4 rules\n"


def test_what_is_said_for_all_is_told_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "s.toml"
    file.write_text(SAFE + "cooldown_s = 0\n[strategy.symbol]\nIBM = {confidence_min = 0.9}")

    check([file])

    assert capsys.readouterr().out.count("warning: ") == 1


def test_the_command_tells_of_every_file_and_ends_with_2(engine: Cli) -> None:
    (engine.folder / "good.toml").write_text(SAFE)
    (engine.folder / "bad.toml").write_text("[strategy]\nsymbols = []\nstop = {atr = 0}\nx = 1\n")
    (engine.folder / "none.toml").write_text("x = = 1")

    done = engine("check", "good.toml", "bad.toml", "none.toml", "there.toml")

    assert (done.code, done.err) == (2, "")
    assert done.out.splitlines() == [
        "good.toml: can be used, 2 symbols, 4 rules",
        "bad.toml:2: strategy: symbols must name at least one",
        "bad.toml:3: strategy.stop: atr must be above 0, not 0.0",
        next(one for one in done.out.splitlines() if one.startswith("bad.toml:4: strategy: unkn")),
        "bad.toml: 3 mistakes",
        next(one for one in done.out.splitlines() if one.startswith("none.toml: not valid TOML")),
        "there.toml: cannot be read: No such file or directory",
    ]
    assert engine("check", "good.toml").code == 0


def test_a_run_refuses_with_the_same_lines(engine: Cli) -> None:
    (engine.folder / "bad.toml").write_text("[strategy]\nsymbols = []\nstop = {atr = 0}\n")

    done = engine("run", "--config", "bad.toml")

    assert done.code == 2
    assert done.err == (
        "engine: bad.toml line 2: strategy: symbols must name at least one; "
        "line 3: strategy.stop: atr must be above 0, not 0.0\n"
    )
