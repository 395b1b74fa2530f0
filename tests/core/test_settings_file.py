"""Files of settings: every mistake is told with its line, and nothing else comes of any file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import engine
from engine.config import from_mapping
from engine.dangers import dangers
from engine.errors import ConfigError, UserError
from engine.settings_file import FILE_BYTES_MAX, load, read

DOCS = Path(__file__).parents[2] / "docs"
TOML = re.compile(r"```toml\n(.*?)```", re.DOTALL)
VALID = [
    *(path.read_text("utf-8") for path in sorted((Path(engine.__file__).parent).rglob("*.toml"))),
    *TOML.findall((DOCS / "configuration.md").read_text("utf-8")),
    *(
        '[strategy]\nsymbols = ["IBM", "SPY"]\n' + text
        for text in TOML.findall((DOCS / "rules.md").read_text("utf-8"))
    ),
]

START = '[strategy]\nsymbols = ["IBM", "SPY"]\n'
RULE = START + '[[strategy.rules]]\nid = "r"\nsymbols = ["IBM"]\n'  # its next line is 6
ENTER = 'then = {kind = "enter", side = "BUY"}\n'
WHEN = 'when = "PositionOpenEvent"\n'

# A file, and what is told of it: each with its line.
MISTAKES: list[tuple[str, list[str]]] = [
    # the file as a whole
    ("", ["strategy: is missing"]),
    ("strategy = 5", ["line 1: strategy: must be a table, not 5"]),
    (START + "[broke]\n", ["line 3: unknown key 'broke', did you mean broker?"]),
    ("[limits]\npositions_max = 1", ["strategy: is missing"]),
    # symbols
    ("[strategy]", ["line 1: strategy.symbols: is missing"]),
    ("[strategy]\nsymbols = []", ["line 2: strategy: symbols must name at least one"]),
    ('[strategy]\nsymbols = "IBM"', ["line 2: strategy.symbols: must be a list, not 'IBM'"]),
    (
        '[strategy]\nsymbols = [\n"A",\n"B",\n"A",\n5]',
        ["line 6: strategy.symbols[3]: must be text, not 5"],
    ),
    (
        '[strategy]\nsymbols = [\n"A",\n"B",\n"A"]',
        ["line 5: strategy.symbols[2]: A is there twice"],
    ),
    (
        '[strategy]\nsymbols = [\n"IBM",\n"A|B",\n"",\n"A\\nB"]',
        [
            "line 4: strategy.symbols[1]: a symbol must be letters, digits and . _ : + / -",
            "line 5: strategy.symbols[2]: a symbol must be letters, digits and . _ : + / -",
            "line 6: strategy.symbols[3]: a symbol must be letters, digits and . _ : + / -",
        ],
    ),
    # names and types
    (START + "cooldwn = 3", ["line 3: strategy: unknown key 'cooldwn', did you mean cooldown_s?"]),
    (START + "xyz = 3", ["line 3: strategy: unknown key 'xyz', allowed: sizing, entry, stop"]),
    (START + 'cooldown_s = "3"', ["line 3: strategy.cooldown_s: must be a number, not '3'"]),
    (START + "cooldown_s = nan", ["line 3: strategy.cooldown_s: must be a number, not nan"]),
    (START + "cooldown_s = true", ["line 3: strategy.cooldown_s: must be a number, not True"]),
    (START + "cooldown_s = -1", ["line 3: strategy: cooldown_s must be 0 or above, not -1"]),
    (START + "atr_period = 1.5", ["line 3: strategy.atr_period: must be a whole number, not 1.5"]),
    (START + "atr_period = 0", ["line 3: strategy: atr_period must be 1 or above, not 0"]),
    (START + "bar_s = 86401", ["line 3: strategy: bar_s must be 86400 at most, not 86401"]),
    (START + "bar_s = 9223372036854775808", ["line 3: strategy.bar_s: must be a whole number, n"]),
    (START + "pattern = 1", ["line 3: strategy.pattern: must be true or false, not 1"]),
    (START + 'outside_rth = "no"', ["line 3: strategy.outside_rth: must be true or false"]),
    (START + "cooldown_s = 2024-01-03", ["line 3: strategy.cooldown_s: must be a number, not a"]),
    (START + "cooldown_s = 1e9", ["line 3: strategy: cooldown_s must be 2678400 at most, not 1"]),
    (START + "close_before_end_s = 86401", ["strategy: close_before_end_s must be 86400 at most"]),
    (START + "entries_per_day_max = 1000001", ["entries_per_day_max must be 1000000 at most, not"]),
    (
        START + "[strategy.symbol.IBM]\nscale_in = {trigger_percent = 10001}",
        ["line 4: strategy.symbol.IBM.scale_in: trigger_percent must be 10000 at most, not 1000"],
    ),
    # words
    (START + 'atr_mean = "wild"', ["line 3: strategy.atr_mean: cannot be 'wild', did you mean w"]),
    (START + 'on_opposite = "flip"', ["line 3: strategy.on_opposite: cannot be 'flip', allowed: "]),
    (START + "sell_means = 5", ["line 3: strategy.sell_means: cannot be 5, allowed: close, short"]),
    (START + 'foreign_orders = "adpt"', ["cannot be 'adpt', did you mean adopt?"]),
    (START + 'target_tif = "gtc"', ["line 3: strategy.target_tif: cannot be 'gtc', allowed: GTC"]),
    # sizes
    (START + "sizing = {}", ["line 3: strategy.sizing: sizing takes exactly one of shares, dol"]),
    (START + "sizing = {shares = 1, dollars = 1}", ["line 3: strategy.sizing: sizing takes exact"]),
    (START + "sizing = {shares = 0}", ["line 3: strategy.sizing: shares must be above 0, not 0"]),
    (START + "sizing = {dollar = 1}", ["unknown key 'dollar', did you mean dollars?"]),
    (START + 'sizing = {dollars = "much"}', ["strategy.sizing.dollars: must be a number, not 'mu"]),
    (START + 'sizing = {dollars = "1e999999999"}', ["sizing.dollars: must be a number, not '1e9"]),
    (
        START + "sizing = {risk_percent = 0.30000000000000004}",
        ["risk_percent: must have 12 decima"],
    ),
    (START + "sizing = 30000", ["line 3: strategy.sizing: must be a table, not 30000"]),
    # distances
    (START + "stop = {}", ["line 3: strategy.stop: a distance takes atr, percent or both; or am"]),
    (START + "stop = {atr = 1, amount = 1}", ["a distance takes atr, percent or both; or amount"]),
    (START + "stop = {atr = -1}", ["line 3: strategy.stop: atr must be above 0, not -1.0"]),
    (START + "stop = {precent = 1}", ["unknown key 'precent', did you mean percent?"]),
    (START + "stop = false", ["line 3: strategy.stop: must be a table, not False"]),
    (
        START + "target = [\n{atr = 1, portion = 60},\n{atr = 2, portion = 60}]",
        ["strategy: target: every portion or none is given, and 100 at most together"],
    ),
    (START + "target = [{atr=1},{atr=2},{atr=3},{atr=4},{atr=5}]", ["strategy: target: 4 at most"]),
    (
        START + "target = [\n{atr = 1},\n{atr = 0}]",
        ["line 5: strategy.target[1]: atr must be above 0, not 0.0"],
    ),
    (START + "trailing = {percent = 0}", ["strategy.trailing: percent must be above 0, not 0.0"]),
    (START + "trailing = {percent = 100}", ["trailing: percent must be below 100, not 100.0"]),
    # entries and adds
    (START + 'entry = {type = "limit"}', ["line 3: strategy.entry: entry takes an offset if its"]),
    (START + "entry = {offset = {atr = 1}}", ["strategy.entry: entry takes an offset if its type"]),
    (START + 'entry = {type = "lmt"}', ["strategy.entry.type: cannot be 'lmt', did you mean limi"]),
    (START + "double_down = {levels = [1.0]}", ["strategy.double_down: levels lie between 0 (the"]),
    (START + "double_down = {levels = [0.6, 0.3]}", ["levels rise: the nearest to the entry firs"]),
    (START + "double_down = {levels = []}", ["strategy.double_down: levels lie between 0"]),
    (START + "double_down = {multiplier = 0}", ["multiplier must be above 0, not 0.0"]),
    (START + "scale_in = {portion = 5, shares = 5}", ["scale_in takes portion or shares, not bot"]),
    (START + "scale_in = {trigger_percent = -2}", ["trigger_percent must be above 0, not -2.0"]),
    (START + "confidence_min = 60", ["line 3: strategy: confidence_min must be between 0 and 1"]),
    (START + 'enter_when = "spred <= 1"', ["line 3: strategy.enter_when: column 1: there is no"]),
    (START + "enter_when = 5", ["strategy.enter_when: condition must be a table with a kind, not"]),
    # one symbol, and templates
    (START + "[strategy.symbol.SPI]\n", ["line 3: strategy.symbol: SPI is not among symbols, did"]),
    (
        START + "[strategy.symbol.SPY]\nstop.atr = 0",
        ["line 4: strategy.symbol.SPY.stop: atr must be above 0, not 0.0"],
    ),
    (START + "[strategy.symbol]\nSPY = 'calm'", ["strategy.symbol.SPY: there is no template 'cal"]),
    (START + "[strategy.template.calm]\nstp = 1", ["line 4: strategy.template.calm: unknown key"]),
    # rules
    (
        RULE + ENTER,
        ["line 3: strategy.rules[0].when: is missing"],
    ),
    (RULE + WHEN, ["line 3: strategy.rules[0].then: is missing"]),
    (
        RULE + WHEN + 'then = {kind = "entr", side = "BUY"}',
        ["line 7: strategy.rules[0].then: there is no action of kind 'entr', did you mean enter?"],
    ),
    (RULE + WHEN + 'then = {side = "BUY"}', ["line 7: strategy.rules[0].then: action needs a k"]),
    (RULE + WHEN + 'then = "buy"', ["strategy.rules[0].then: action must be a table with a kind"]),
    (
        RULE + WHEN + 'then = {kind = "enter", side = "LONG"}',
        ["line 7: strategy.rules[0].then: side cannot be 'LONG', allowed: BUY, SELL"],
    ),
    (
        RULE + WHEN + 'then = [\n{kind = "close"},\n{kind = "log", level = "info"}]',
        ["line 9: strategy.rules[0].then.actions[1].text: is missing"],
    ),
    (
        RULE + 'when = {kind = "evnt"}\n' + ENTER,
        ["line 6: strategy.rules[0].when: there is no condition of kind 'evnt', did you mean eve"],
    ),
    (
        RULE + "when = 'signal == \"BUY\" and confidense >= 0.5'\n" + ENTER,
        ["line 6: strategy.rules[0].when: column 21: there is no 'confidense', did you mean conf"],
    ),
    (
        RULE + 'when = {kind = "event", event = "FillEvnt"}\n' + ENTER,
        ["line 6: strategy.rules[0].when: there is no event 'FillEvnt', did you mean FillEvent?"],
    ),
    (
        RULE + 'when = {kind = "event", event = "FillEvent", where = ["rol == x"]}\n' + ENTER,
        ["line 6: strategy.rules[0].when: FillEvent has no 'rol' to compare, did you mean role?"],
    ),
    (
        RULE + 'when = {kind = "time", start = "9:30"}\n' + ENTER,
        ["line 6: strategy.rules[0].when: start: '9:30' is not a time of day"],
    ),
    (
        RULE + "when = 'mid >= 5'\n" + ENTER,
        ["line 3: strategy.rules[0]: rule r: nothing triggers it: mid is not watched"],
    ),
    (
        START + '[[strategy.rules]]\nid = "r"\nwhen = "last >= 5"\n' + ENTER,
        ["line 3: strategy.rules[0]: rule r: a price that triggers belongs to one symbol"],
    ),
    (
        START
        + '[[strategy.rules]]\nid = "r"\nsymbols = ["IBN"]\n'
        + WHEN
        + "cooldown_s = 1\n"
        + ENTER,
        ["line 5: strategy.rules[0]: rule r is for IBN, which is not among symbols, did you mean"],
    ),
    (RULE + WHEN + ENTER, ["line 3: strategy.rules[0]: rule r: it orders on what orders cause"]),
    (
        RULE
        + WHEN
        + 'then = {kind = "close"}\n'
        + RULE.removeprefix(START)
        + WHEN
        + 'then = {kind = "close"}',
        ["line 9: strategy.rules[1]: rule r is there twice: every rule has its own id"],
    ),
    (
        (RULE + WHEN + 'then = {kind = "close"}').replace('"r"', '"pattern.buy"'),
        ["line 1: strategy: rule pattern.buy is there twice"],
    ),
    (
        RULE + WHEN + "priority = 1.5\n" + 'then = {kind = "close"}',
        ["line 7: strategy.rules[0]: priority must be a whole number between"],
    ),
    # limits, guards, timing
    (START + "[limits]\norder_shares_max = 0", ["line 4: limits: order_shares_max must be above"]),
    (START + "[limits]\nrestricted = 5", ["line 4: limits.restricted: must be a list, not 5"]),
    (
        START + '[[limits.groups]]\nname = "g"\nsymbols = ["IBM"]',
        ["line 3: limits.groups[0].notional_max: is missing"],
    ),
    (START + "[guards]\nloss_level = 4", ["line 4: guards: 'loss_level' must be in (1, 2, 3)"]),
    (START + "[guards]\nday_los_max = 4", ["line 4: guards: unknown key 'day_los_max', did you"]),
    (START + "[timing]\nanswer_s = 0", ["line 4: timing: answer_s must be above 0, not 0.0"]),
    # the broker and the ways in
    (START + "[broker]\nport = 0", ["line 4: broker: 'port' must be >= 1"]),
    (START + '[broker]\nport = "7497"', ["line 4: broker.port: must be a whole number, not '7"]),
    (START + "[broker]\nclock_rate = 0", ["line 4: broker: clock_rate must be above 0, not 0.0"]),
    (START + "[broker]\nclock_rate = 1e12", ["clock_rate must be 1000000 at most, not 1"]),
    (START + "[broker]\nclient_id = 2147483648", ["client_id must be 2147483647 at most, not"]),
    (START + "[limits]\nnet_notional_max = 1e-300", ["net_notional_max: must have 12 decimals at"]),
    (START + "[signals]\npol = {}", ["line 4: signals: unknown key 'pol', did you mean poll?"]),
    (
        START + '[signals.poll]\nurl = "http://far.example"',
        ["line 3: signals.poll: url must be https"],
    ),
    (START + '[signals.poll]\nkey = "sesame"', ["line 4: signals.poll: unknown key 'key'"]),
    (START + '[signals.webhook]\nhost = "0.0.0.0"', ["line 3: signals.webhook: host '0.0.0.0' is"]),
    (
        START + '[signals.webhook]\nhosts = ["https://a.example"]',
        ["line 4: signals.webhook: hosts: 'https://a.example' is not a name like trade.example or"],
    ),
    (START + "[signals.tail]", ["line 3: signals.tail.path: is missing"]),
    # several at once: each is told, in the order of their lines
    (
        '[limits]\npositions_max = 0\norder_shares_max = "x"\n[broker]\nprot = 1\nport = 0\n'
        '[strategy]\nsymbols = ["A", "A"]\nstop = {atr = -1, percent = -1}\ncooldown_s = "x"',
        [
            "line 2: limits: positions_max must be above 0, not 0",
            "line 3: limits.order_shares_max: must be a number, not 'x'",
            "line 5: broker: unknown key 'prot', did you mean port?",
            "line 6: broker: 'port' must be >= 1",
            "line 8: strategy.symbols[1]: A is there twice",
            "line 9: strategy.stop: atr must be above 0, not -1.0",
            "line 9: strategy.stop: percent must be above 0, not -1.0",
            "line 10: strategy.cooldown_s: must be a number, not 'x'",
        ],
    ),
    (
        START + "[strategy.symbol]\nIBM = {cooldown_s = -1}\nSPY = {stop = {}, template = 'x'}",
        [
            "line 4: strategy.symbol.IBM: cooldown_s must be 0 or above, not -1",
            "line 5: strategy.symbol.SPY: there is no template 'x', there is none",
            "line 5: strategy.symbol.SPY.stop: a distance takes",
        ],
    ),
]


def written(folder: Path, text: str) -> Path:
    path = folder / "s.toml"
    path.write_text(text, "utf-8")
    return path


@pytest.mark.parametrize(("text", "told"), MISTAKES, ids=range(len(MISTAKES)))
def test_every_mistake_is_told_with_its_line(text: str, told: list[str], tmp_path: Path) -> None:
    file = read(written(tmp_path, text))

    assert file.config is None
    found = [file.told(one) for one in file.mistakes]
    assert len(found) == len(told), found
    for one, said in zip(found, told, strict=True):
        assert said in one
        assert one.isprintable()
    with pytest.raises(ConfigError) as refused:
        load(file.path)
    assert str(refused.value).startswith(f"{file.path} {found[0]}")
    assert "sesame" not in str(refused.value)


def test_there_are_many_kinds_of_mistakes_in_the_table() -> None:
    assert len({said for _, told in MISTAKES for said in told}) >= 80


def test_a_run_tells_three_and_says_how_to_see_the_rest(tmp_path: Path) -> None:
    path = written(tmp_path, '[strategy]\nsymbols = ["A"]\na = 1\nb = 1\nc = 1\nd = 1\ne = 1')

    with pytest.raises(ConfigError, match=f"; and 2 more: engine check {path}$") as refused:
        load(path)
    assert "line 5: strategy: unknown key 'c'" in str(refused.value)
    assert "'d'" not in str(refused.value)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"x = = 1", "not valid TOML: .*line 1, column 5"),
        (b"a = 1\na = 2", "not valid TOML: Cannot overwrite a value"),
        (b"\xff", "not valid TOML: .*utf-8"),
        (b"a = " + b"9" * 5000, "not valid TOML"),
        (b"a = " + b"[" * 100_000, "not valid TOML: nested too deep"),
        (b"#" * (FILE_BYTES_MAX + 1), "more than 1 MiB, no settings are"),
    ],
)
def test_what_is_no_toml_is_told(raw: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_bytes(raw)

    with pytest.raises(ConfigError, match=said):
        read(path)


def test_a_mark_of_byte_order_and_other_ends_of_lines_are_no_mistakes(tmp_path: Path) -> None:
    """As some editors write them."""
    path = tmp_path / "s.toml"
    path.write_bytes(b"\xef\xbb\xbf" + START.replace("\n", "\r\n").encode() + b"cooldwn = 3\r\n")

    assert [read(path).told(one) for one in read(path).mistakes] == [
        "line 3: strategy: unknown key 'cooldwn', did you mean cooldown_s?"
    ]


def test_files_that_are_not_there_are_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        read(tmp_path / "none.toml")
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        read(tmp_path)


@pytest.mark.parametrize("text", VALID, ids=range(len(VALID)))
def test_what_is_shown_is_right(text: str, tmp_path: Path) -> None:
    file = read(written(tmp_path, text))

    assert [file.told(one) for one in file.mistakes] == []


# -- whatever a file holds -----------------------------------------------------------------------

WORDS = st.sampled_from(
    [
        *("\n", "[", "]", "{", "}", "=", '"', "'", ",", ".", "#", "\\", "\0", "é", "-", "nan"),
        *("true", "false", "[]", "{}", "0", "-1", "1e400", '""', '"x"', "2024-01-01", "9" * 30),
        *("kind = ", "when = ", "[[strategy.rules]]\n", "[strategy.symbol.IBM]\n", "[limits]\n"),
        *("template = ", "strategy.", '"(" ', "not ", " and ", "'signal == \"BUY\"'"),
        *(
            "ema(20)",
            "ema(",
            "'close > sma(200)'",
            " crosses above ",
            "macd_signal()",
            "rsi(14) < 30",
        ),
    ]
)


@st.composite
def mutations(draw: st.DrawFn) -> str:
    """A file as it stands, changed in a few places: bits cut, doubled, moved or put in."""
    text = draw(st.sampled_from(VALID))
    for _ in range(draw(st.integers(1, 5))):
        at, length = draw(st.integers(0, len(text))), draw(st.integers(0, 30))
        piece = text[at : at + length]
        to = draw(st.integers(0, len(text)))
        match draw(st.sampled_from(["cut", "double", "move", "put", "value"])):
            case "cut":
                text = text[:at] + text[at + length :]
            case "double":
                text = text[:at] + piece + text[at:]
            case "move":
                text = text[:at] + text[at + length :]
                text = text[:to] + piece + text[to:]
            case "put":
                text = text[:at] + draw(WORDS) + text[at:]
            case _:  # another value for one of the settings
                pairs = list(re.finditer(r"= ?([^\n,}\]]+)", text))
                if pairs:
                    found = draw(st.sampled_from(pairs))
                    text = text[: found.start(1)] + draw(WORDS) + text[found.end(1) :]
    return text


def check_file(path: Path, text: str) -> str:
    """Whatever it says, it is read or refused in words; which of these."""
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        file = read(path)
    except UserError:
        return "no TOML"
    assert (file.config is None) == bool(file.mistakes)
    for one in file.mistakes:
        assert file.told(one).isprintable()
    if file.config is not None:
        assert all(str(one).isprintable() for one in dangers(file.config, file.data))
    return "used" if file.config is not None else "mistakes"


@given(mutations())
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_changed_file_is_read_or_refused(tmp_path: Path, text: str) -> None:
    assert check_file(tmp_path / "s.toml", text)


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=10,
)
KEYS = ["symbols", "stop", "target", "rules", "symbol", "template", "sizing", "double_down"]


@settings(deadline=None)
@given(
    st.dictionaries(st.sampled_from(KEYS), PLAIN, max_size=4),
    st.dictionaries(st.sampled_from(["limits", "broker", "signals", "x"]), PLAIN, max_size=2),
)
def test_whatever_plain_data_holds_is_settings_or_refused(
    strategy: dict[str, object], others: dict[str, object]
) -> None:
    try:
        from_mapping({"strategy": {"symbols": ["IBM"], **strategy}, **others})
    except ConfigError as refused:
        assert str(refused).startswith("config: ")
