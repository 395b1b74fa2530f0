"""A signal file is checked as a whole at the start, and each of its signals in its time."""

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.codec import from_json, to_json
from engine.errors import DataFileError
from engine.inputs import Signal, SignalRefused
from engine.signals.files import SignalFile

DAY = date(2013, 10, 7)
SECOND = 1_000_000_000
OPEN = int(datetime(2013, 10, 7, 13, 30, tzinfo=UTC).timestamp()) * SECOND  # 09:30 in New York
TEN_OCLOCK = OPEN + 1_800 * SECOND
SYMBOLS = ["SPY", "IBM"]


def line(at: object, signal: str = "BUY", ticker: str = "SPY", **more: Any) -> str:
    return json.dumps({"at": at, "ticker": ticker, "signal": signal, "confidence": 0.8, **more})


def loaded(folder: Path, *lines: str | bytes, name: str = "morning.jsonl") -> SignalFile:
    body = b"\n".join(text if isinstance(text, bytes) else text.encode() for text in lines)
    (folder / name).write_bytes(body)
    signals = SignalFile(folder / name, SYMBOLS)
    signals.load()
    return signals


def all_of(signals: SignalFile, start_ns: int = OPEN, day: date = DAY) -> list[Signal]:
    found = signals.due(2**62, start_ns, day)
    assert all(isinstance(signal, Signal) for signal in found), found
    return found  # type: ignore[return-value]


# -- times -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "time_ns"),
    [
        ("10:00:00", TEN_OCLOCK),
        ("10:00:00.250", TEN_OCLOCK + SECOND // 4),
        ("10:00:00.000000001", TEN_OCLOCK + 1),
        (" 10:00:00 ", TEN_OCLOCK),
        ("00:00:00", TEN_OCLOCK - 36_000 * SECOND),
        (0, OPEN),
        (90, OPEN + 90 * SECOND),
        (0.1, OPEN + SECOND // 10),
        (1.000000001, OPEN + SECOND + 1),
    ],
)
def test_a_line_comes_at_its_time_and_not_before(tmp_path: Path, at: object, time_ns: int) -> None:
    signals = loaded(tmp_path, line(at))

    assert signals.next_due_ns(OPEN, DAY) == time_ns
    assert signals.due(time_ns - 1, OPEN, DAY) == []
    (signal,) = signals.due(time_ns, OPEN, DAY)
    assert isinstance(signal, Signal)
    assert signal.model_time_ns == time_ns
    assert signal.identity == f"file:morning:SPY:{time_ns}:BUY"
    assert signals.due(2**62, OPEN, DAY) == []
    assert signals.next_due_ns(OPEN, DAY) is None
    assert len(signals) == 0


@pytest.mark.parametrize(
    ("day", "utc_hour"),
    [
        (date(2013, 10, 7), 14),
        (date(2013, 11, 1), 14),
        (date(2013, 11, 3), 15),  # clocks went back that night
        (date(2014, 3, 7), 15),
        (date(2014, 3, 9), 14),  # and forward
    ],
)
def test_the_exchange_has_summer_time(tmp_path: Path, day: date, utc_hour: int) -> None:
    signals = loaded(tmp_path, line("10:00:00"))
    expected = datetime(day.year, day.month, day.day, utc_hour, tzinfo=UTC)

    assert signals.next_due_ns(OPEN, day) == int(expected.timestamp()) * SECOND


def test_the_order_is_by_time_and_then_that_of_the_file(tmp_path: Path) -> None:
    signals = loaded(
        tmp_path,
        line("10:00:01", "BUY"),
        line("10:00:00", "BUY"),
        line("10:00:00", "SELL"),
        line(1_800, "SHORT"),  # the same moment, counted from the start
        line("09:59:59", "NEUTRAL"),
    )

    assert [s.signal for s in all_of(signals)] == ["NEUTRAL", "BUY", "SELL", "SHORT", "BUY"]


def test_signals_come_piece_by_piece(tmp_path: Path) -> None:
    signals = loaded(tmp_path, *(line(second) for second in range(10)))
    got = [len(signals.due(OPEN + int(s * SECOND), OPEN, DAY)) for s in (-1, 0, 0, 2.5, 2.9, 20)]

    assert got == [0, 1, 0, 2, 0, 7]


def test_each_run_gives_the_same_identities(tmp_path: Path) -> None:
    lines = (line("10:00:00"), line(5, "SELL"), line("10:00:00", "SELL", timestamp=1381154400000))
    first = [s.identity for s in all_of(loaded(tmp_path, *lines))]
    again = [s.identity for s in all_of(loaded(tmp_path, *lines))]

    assert first == again
    assert len(set(first)) == 3
    assert [s.identity for s in all_of(loaded(tmp_path, *lines, name="other"))] != first


def test_another_session_moves_only_what_has_not_come(tmp_path: Path) -> None:
    signals = loaded(tmp_path, line("10:00:00", "BUY"), line("11:00:00", "SELL"), line(9_000))
    assert [s.signal for s in signals.due(TEN_OCLOCK, OPEN, DAY)] == ["BUY"]
    tomorrow = OPEN + 86_400 * SECOND

    moved = all_of(signals, tomorrow, date(2013, 10, 8))
    assert [(s.signal, s.model_time_ns - tomorrow) for s in moved] == [
        ("SELL", 5_400 * SECOND),
        ("BUY", 9_000 * SECOND),
    ]


def test_a_line_may_state_its_model_time(tmp_path: Path) -> None:
    (signal,) = all_of(loaded(tmp_path, line("10:00:00", timestamp=1381154400000, stock_price=1)))

    assert (signal.model_time_ns, signal.price) == (1381154400000 * 10**6, 1.0)


def test_the_maximum_age_applies(tmp_path: Path) -> None:
    path = tmp_path / "late"
    path.write_text(line("10:00:00"))
    signals = SignalFile(path, SYMBOLS, max_age_ns=60 * SECOND)
    signals.load()

    (refused,) = signals.due(TEN_OCLOCK + 61 * SECOND, OPEN, DAY)
    assert isinstance(refused, SignalRefused)
    assert (refused.reason, refused.ticker) == ("too_old", "SPY")


# -- one bad signal ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "ticker", "reason"),
    [
        (line(1, ticker="QQQ"), "QQQ", "unknown_ticker"),
        (line(1, "HOLD"), "SPY", "unknown_signal"),
        (line(1, confidence=7), "SPY", "bad_confidence"),
        (line(1, confidence=None), "SPY", "bad_confidence"),
        (line(1, confidence=float("nan")), "SPY", "bad_confidence"),
        (line(1, ticker=None), "", "malformed"),
        (line(1, note="x"), "SPY", "unknown_field"),
        (line(1, timestamp=5), "SPY", "bad_time"),
    ],
)
def test_a_bad_signal_is_refused_when_its_time_comes(
    tmp_path: Path, text: str, ticker: str, reason: str
) -> None:
    signals = loaded(tmp_path, text, line(2))
    assert signals.due(OPEN, OPEN, DAY) == []
    (refused,) = signals.due(OPEN + SECOND, OPEN, DAY)

    assert isinstance(refused, SignalRefused)
    assert (refused.source, refused.ticker, refused.reason) == ("file:morning", ticker, reason)
    assert from_json(to_json(refused)) == refused
    assert len(all_of(signals)) == 1


# -- a bad file --------------------------------------------------------------------------------


def test_blank_lines_and_a_mark_of_order_are_skipped(tmp_path: Path) -> None:
    signals = loaded(tmp_path, b"\xef\xbb\xbf" + line(1).encode(), "", "  \t\r", line(2), "")

    assert len(signals) == 2
    assert len(loaded(tmp_path, "")) == 0


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ("10:00:00 SPY BUY", "not JSON"),
        ('{"at": 1,', "not JSON"),
        ('{"at": 1, "at": 2}', "a key occurs twice"),
        (b"\xff\xfe", "not JSON"),
        ("[" * 50_000, "not JSON"),
        ("[1]", "not an object"),
        ("7", "not an object"),
        ("{}", '"at" is missing; give at, ticker, signal, confidence'),
        ('{"at": 1, "signal": "BUY", "confidence": 1}', '"ticker" is missing'),
        ('{"at": 1, "ticker": "SPY", "confidence": 1}', '"signal" is missing'),
        ('{"at": 1, "ticker": "SPY", "signal": "BUY"}', '"confidence" is missing'),
        (line(1, id="x" * 70_000), "a line has at most 65536"),
        *((line(at), '"at" is neither') for at in (
            None, True, "", "10:00", "24:00:00", "10:60:00", "10:00:60", "10:00:00.", "1:00:00",
            "10:00:00.0000000001", "10:00:00Z", "-1", -1, 1e9, float("nan"), float("inf"), [1],
            "\u0660\u0669:\u0663\u0660:\u0660\u0660", 10**400,
        )),
    ],
)  # fmt: skip
def test_a_bad_line_is_named_at_the_start(tmp_path: Path, bad: str | bytes, words: str) -> None:
    with pytest.raises(DataFileError) as caught:
        loaded(tmp_path, line(1), "", bad, line(2))

    assert str(caught.value).startswith(f"{tmp_path}/morning.jsonl:3: ")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for path, words in [
        (tmp_path / "missing", "cannot be read: No such file or directory"),
        (tmp_path, "not a regular file"),
        (Path("/dev/zero"), "not a regular file"),
    ]:
        with pytest.raises(DataFileError) as caught:
            SignalFile(path, SYMBOLS).load()
        assert str(caught.value).startswith(f"{path}: {words}")


# -- anything at all ---------------------------------------------------------------------------

VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12)
LINES = st.fixed_dictionaries(
    {
        "at": st.integers(0, 1_000)
        | st.floats(0, 1_000)
        | st.times().map(lambda time: time.isoformat("seconds")),
        "ticker": st.sampled_from(SYMBOLS) | VALUES,
        "signal": st.sampled_from(["BUY", "SELL"]) | VALUES,
        "confidence": st.floats(0, 1) | VALUES,
    },
    optional={"stock_price": VALUES, "timestamp": VALUES, "other": VALUES},
).map(lambda fields: json.dumps(fields).encode())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(LINES, max_size=8), st.lists(st.integers(-50_000, 60_000), max_size=5))
def test_every_line_comes_exactly_once(
    tmp_path: Path, lines: list[bytes], seconds: list[int]
) -> None:
    signals = loaded(tmp_path, *lines)
    found = []
    for now_ns in [OPEN + second * SECOND for second in sorted(seconds)] + [2**62]:
        expected = signals.next_due_ns(OPEN, DAY)
        come = signals.due(now_ns, OPEN, DAY)
        assert bool(come) == (expected is not None and expected <= now_ns)
        found += come

    assert len(found) == len(lines)
    assert all(isinstance(item, Signal | SignalRefused) for item in found)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(LINES | st.binary(max_size=60), max_size=5))
def test_any_file_is_loaded_or_refused_in_one_line(tmp_path: Path, lines: list[bytes]) -> None:
    try:
        signals = loaded(tmp_path, *lines)
    except DataFileError as problem:
        assert "\n" not in str(problem)
    else:
        assert len(signals.due(2**62, OPEN, DAY)) <= len(lines)
