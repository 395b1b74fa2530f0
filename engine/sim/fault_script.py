"""Scripts of faults: one a line, what goes wrong and when.

    WHEN        FAULT [ARGUMENT]... [NAME=VALUE]...

``start`` arms it at once. ``09:45:00`` is the exchange's clock, ``+90s`` counts from the start,
``09:45:00..10:00:00`` is a while. ``order:3`` waits for the third placeOrder; so do
``connection``, ``request``, ``cancel`` and ``fill``. ``#`` begins a comment.
"""

from __future__ import annotations

import difflib
import re
import shlex
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final

from engine.errors import ConfigError
from engine.sim import policies
from engine.sim.faults import EVENTS, KINDS, SECOND_NS, Fault, FaultKind, Moment, When
from engine.sim.order_types import TYPES

LINES_MAX: Final = 10_000
# What is beyond these could not be told to a client, or would never end.
COUNT_MAX: Final = 10_000_000
NUMBER_MAX: Final = 1 << 31
DECIMAL_MAX: Final = 10**9
# Callbacks of clients, and the numbers of their messages.
MESSAGES: Final[Mapping[str, frozenset[int]]] = {
    name: frozenset(ids)
    for name, ids in (
        ("openOrder", {5}), ("orderStatus", {3}), ("execDetails", {11}), ("commission", {59}),
        ("error", {4}), ("position", {61, 71}), ("portfolio", {7}),
        ("accountValue", {6, 8, 63, 73}),
        ("tickPrice", {1}), ("tickSize", {2}), ("ticks", {1, 2, 45, 46, 50, 99}),
        ("nextValidId", {9}), ("managedAccounts", {15}), ("currentTime", {49, 109}),
        ("contractDetails", {10}), ("contractDetailsEnd", {52}), ("marketRule", {93}),
        ("completedOrder", {101}), ("historicalData", {17, 108, 90}),
        ("openOrderEnd", {53}), ("execDetailsEnd", {55}), ("positionEnd", {62, 72}),
        ("completedOrdersEnd", {102}), ("accountDownloadEnd", {54, 64, 74}),
        ("all", range(1000)),
    )
}  # fmt: skip
REQUESTS: Final[Mapping[str, frozenset[int]]] = {
    name: frozenset(ids)
    for name, ids in (
        ("placeOrder", {3}), ("cancelOrder", {4}), ("globalCancel", {58}),
        ("reqOpenOrders", {5, 16}), ("reqExecutions", {7}), ("reqCompletedOrders", {99}),
        ("reqPositions", {61, 74}), ("reqAccountUpdates", {6, 62, 76}),
        ("reqCurrentTime", {49, 105}), ("reqContractDetails", {9}), ("reqMktData", {1}),
        ("reqTickByTickData", {97}), ("reqHistoricalData", {20}), ("reqIds", {8}),
        ("all", range(1000)),
    )
}  # fmt: skip
_UNITS: Final = {"ms": 1_000_000, "s": SECOND_NS, "m": 60 * SECOND_NS, "h": 3600 * SECOND_NS}
_TEN_YEARS_NS: Final = 87_600 * _UNITS["h"]
_TIME: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
_CLOCK: Final = re.compile(r"([01]?\d|2[0-3]):([0-5]\d):([0-5]\d)(?:\.(\d{1,9}))?")
_EVENT: Final = re.compile(rf"({'|'.join(EVENTS)}):(\d+)")


class _Wrong(Exception):  # noqa: N818  never leaves this module
    """What is wrong with one word."""


def read(path: Path) -> list[Fault]:
    """The faults of a script file. Raises ConfigError naming file, line and mend."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: is not text; a script of faults is UTF-8") from None
    except OSError as problem:
        raise ConfigError(f"{path}: cannot be read: {problem.strerror or problem}") from None
    return parse(text.splitlines(), str(path))


def parse(lines: Iterable[str], name: str = "faults") -> list[Fault]:
    """The faults of ``lines``; ``name`` is how errors call them. Raises ConfigError."""
    found = []
    for number, line in enumerate(lines, 1):
        if number > LINES_MAX:
            raise ConfigError(f"{name}: more than {LINES_MAX} lines")
        try:
            fault = _line(line)
        except _Wrong as problem:
            raise ConfigError(f"{name} line {number}: {problem}") from None
        if fault is not None:
            found.append(fault)
    return found


def _line(line: str) -> Fault | None:
    try:
        words = shlex.split(line, comments=True)
    except ValueError:
        raise _Wrong("a quotation mark is not closed") from None
    if not words:
        return None
    if len(words) < 2:
        raise _Wrong(f"{words[0]!r} stands alone; write WHEN FAULT, such as start drop orderStatus")
    when, name, rest = _when(words[0]), words[1], words[2:]
    kind = KINDS.get(name)
    if kind is None:
        raise _Wrong(f"no fault is called {name!r}{_near(name, KINDS)}")
    if kind.nature == "act" and when.end is not None:
        raise _Wrong(f"{name} happens at one moment; write when, not from..to")
    arguments = _arguments(kind, rest)
    if kind.nature == "rule" and when.end is not None and arguments["for"] is not None:
        raise _Wrong(f"{name} ends twice: leave out for= or the end of the while")
    return Fault(when, kind, arguments, " ".join(line.split("#", maxsplit=1)[0].split()))


def _near(word: str, known: Iterable[str]) -> str:
    names = list(known)
    close = difflib.get_close_matches(word, names, 1)
    return f"; did you mean {close[0]}?" if close else f"; there are {', '.join(names)}"


# -- when --------------------------------------------------------------------------------------


def _when(word: str) -> When:
    if word == "start":
        return When()
    event = _EVENT.fullmatch(word)
    if event is not None:
        number = int(event[2])
        if number < 1:
            raise _Wrong(f"{word}: counting begins with 1")
        return When(event=event[1], number=number)
    first, dots, last = word.partition("..")
    begin = _moment(first)
    if not dots:
        return When(begin)
    end = _moment(last)
    if end.since_start != begin.since_start or end.ns <= begin.ns:
        raise _Wrong(f"{word}: the end must come after the beginning, by the same clock")
    return When(begin, end)


def _moment(word: str) -> Moment:
    if word.startswith("+"):
        return Moment(_time(word[1:]), since_start=True)
    match = _CLOCK.fullmatch(word)
    if match is None:
        events = ", ".join(f"{event}:N" for event in EVENTS)
        raise _Wrong(f"{word!r} is no time; write start, HH:MM:SS, +30s, FROM..TO, or {events}")
    hours, minutes, seconds, fraction = match.groups()
    whole = (int(hours) * 60 + int(minutes)) * 60 + int(seconds)
    return Moment(whole * SECOND_NS + int((fraction or "0").ljust(9, "0")))


# -- arguments ---------------------------------------------------------------------------------


def _arguments(kind: FaultKind, words: list[str]) -> dict[str, Any]:
    given: dict[str, str] = {}
    needed = [one.name for one in kind.parameters if one.default is None]
    places = list(needed)
    names = [one.name for one in kind.parameters]
    for word in words:
        name, equals, value = word.partition("=")
        if equals and name in names:
            if name in given:
                raise _Wrong(f"{name} is stated twice")
            given[name] = value
            if name in places:
                places.remove(name)
        elif places and not (equals and kind.parameter(places[0]).type != "policy"):  # type: ignore[union-attr]
            given[places.pop(0)] = word
        elif equals:
            raise _Wrong(f"{kind.name} has no {name!r}{_near(name, names)}")
        else:
            raise _Wrong(f"{kind.name}: {word!r} is one word too many")
    missing = [name for name in needed if name not in given]
    if missing:
        raise _Wrong(f"{kind.name} needs {' and '.join(missing)}, as in: {_sample(kind)}")
    values = {}
    for one in kind.parameters:
        text = given.get(one.name, one.default)
        assert text is not None
        try:
            values[one.name] = _value(one.type, text)
        except _Wrong as problem:
            raise _Wrong(f"{kind.name}: {one.name}: {problem}") from None
    return values


def _sample(kind: FaultKind) -> str:
    return kind.samples[0].format(symbol="IBM")


def _value(kind: str, text: str) -> Any:
    convert = _TYPES.get(kind)
    if convert is not None:
        return convert(text)
    words = kind.split("|")
    if text not in words:
        raise _Wrong(f"{text!r} is not one of {', '.join(words)}")
    return text == "yes" if set(words) == {"yes", "no"} else text


def _time(text: str) -> int:
    match = _TIME.fullmatch(text)
    if match is None:
        raise _Wrong(f"{text!r} is no time; write 500ms, 30s, 5m or 1h")
    lasts_ns = Decimal(match[1]) * _UNITS[match[2]]
    if lasts_ns > _TEN_YEARS_NS:
        raise _Wrong(f"{text!r} is longer than ten years")
    return int(lasts_ns)


def _until(text: str) -> int | None:
    return None if text == "forever" else _time(text)


def _count(text: str) -> int | None:
    if text == "unlimited":
        return None
    if not text.isdecimal():
        raise _Wrong(f"{text!r} is not a count")
    if int(text) > COUNT_MAX:
        raise _Wrong(f"{text!r} is above {COUNT_MAX}")
    return int(text)


def _number(text: str) -> int | None:
    if text == "all":
        return None
    try:
        number = int(text)
    except ValueError:
        raise _Wrong(f"{text!r} is not a whole number") from None
    if not -NUMBER_MAX <= number < NUMBER_MAX:
        raise _Wrong(f"{text!r} is beyond 32 bits")
    return number


def _decimal(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise _Wrong(f"{text!r} is not a number") from None
    if not number.is_finite():
        raise _Wrong(f"{text!r} is not a finite number")
    if abs(number) >= DECIMAL_MAX:
        raise _Wrong(f"{text!r} is beyond {DECIMAL_MAX}")
    return number


def _share(text: str) -> float:
    """A percentage as a part of one."""
    try:
        share = float(text.removesuffix("%")) / 100 if text.endswith("%") else -1.0
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise _Wrong(f"{text!r} is not a percentage from 0% to 100%")
    return share


def _ids(known: Mapping[str, frozenset[int]]) -> Callable[[str], frozenset[int]]:
    def convert(text: str) -> frozenset[int]:
        found: frozenset[int] = frozenset()
        for name in text.split(","):
            if name not in known:
                raise _Wrong(f"{name!r} is not known{_near(name, known)}")
            found |= known[name]
        return found

    return convert


def _order_types(text: str) -> frozenset[str]:
    if text == "any":
        return frozenset(TYPES)
    names = frozenset(text.split(","))
    unknown = sorted(names - set(TYPES))
    if unknown:
        raise _Wrong(f"{unknown[0]!r} is no order type; there are {', '.join(TYPES)}")
    return names


def _policy(text: str) -> dict[str, Any]:
    try:
        return policies.answers([text])
    except ConfigError as problem:
        raise _Wrong(str(problem)) from None


_TYPES: Final[Mapping[str, Callable[[str], Any]]] = {
    "time": _until,
    "count": _count,
    "number": _number,
    "share": _share,
    "shares": _decimal,
    "price": _decimal,
    "text": str,
    "symbol": lambda text: None if text == "any" else text,
    "messages": _ids(MESSAGES),
    "requests": _ids(REQUESTS),
    "types": _order_types,
    "policy": _policy,
}
