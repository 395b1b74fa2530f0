"""What one engine goes through in a campaign: broker, market, settings, prompts and faults.

    # 26: order 17 lives at the broker and is dead here
    scenario seed=17 mode=liveness hours=1.5
    symbols IBM AAPL
    market rate=0.1 volatility=0.0003 latency_ms=5 version=226
    policy oca_modify=refuse_keep
    settings {"strategy":{"sizing":{"shares":100}}}
    prompt +60.5s signal IBM BUY 0.9
    prompt +900s gap IBM -3.50
    fault +120s drop orderStatus for=20s

Times count from the opening of the exchange, on a Wednesday, through nights and weekends. The
same text is the same run, to the last byte.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any, Final, Literal, get_args

import attrs
import orjson

from engine.errors import ConfigError, UserError
from engine.sim import fault_script, instruments, policies
from engine.sim.wire_messages import VERSION_MAX

Mode = Literal["safety", "liveness"]
MODES: Final[tuple[Mode, ...]] = get_args(Mode)
DAY: Final = date(2024, 2, 21)  # the clocks of the exchange are set forward two weeks later
DAY_HOURS: Final = 6.5  # of a trading day
WEEK_DAYS: Final = 5
WEEK_HOURS: Final = 168.0
WEEKS_MAX: Final = 52
# What may be prompted: the words behind it.
PROMPTS: Final = {
    "signal": "SYMBOL BUY|SELL|SHORT|NEUTRAL CONFIDENCE",
    "gap": "SYMBOL DOLLARS",  # every price from then on
    "close": "SYMBOL|all",
    "bracket": "SYMBOL BUY|SELL SHARES STOP_PERCENT",
    "oco": "SYMBOL breakout|range|sell|buy SHARES PERCENT",  # two legs, so far away
    "order": "SYMBOL BUY|SELL SHARES",
    "cancel": "SYMBOL",  # the newest that was placed directly
    "settings": "JSON",  # other ones from then on, beside those there are
    "halt": "LEVEL",
    "resume": "",
    "pause": "SECONDS",  # the engine's process gets no time for so long
    "kill": "SECONDS",  # the engine dies, and is started again after so long
}


@attrs.frozen
class Prompt:
    """Something that happens to the engine or its market and is no fault of the broker."""

    at_s: float
    kind: str
    words: tuple[str, ...]

    def __str__(self) -> str:
        return " ".join((f"+{self.at_s:.10g}s", self.kind, *self.words))


@attrs.frozen(kw_only=True)
class Scenario:
    """``faults`` and ``policies`` are lines as the simulator reads them; ``settings`` those of the
    engine, where they are not its defaults. In the mode ``liveness`` faults and prompts stop some
    time before ``hours`` are over, and everything has to come to rest. Hours of several days
    count their nights."""

    seed: int
    mode: Mode
    hours: float
    symbols: tuple[str, ...]
    rate: float = 0.1  # market changes of a symbol in a second
    volatility: float = 0.0003
    latency_ms: float = 5.0
    version: int = VERSION_MAX
    price: float | None = None  # at which every symbol begins; None: drawn by the seed
    policies: tuple[str, ...] = ()
    settings: dict[str, Any] = attrs.field(factory=dict)
    prompts: tuple[Prompt, ...] = ()
    faults: tuple[str, ...] = ()

    @property
    def prices(self) -> dict[str, float]:
        return {} if self.price is None else dict.fromkeys(self.symbols, self.price)


def sessions(hours: float) -> tuple[tuple[int, int], ...]:
    """(open, close) of the trading days that begin within so many hours, UTC nanoseconds."""
    found = instruments.sessions(DAY, DAY + timedelta(hours=hours + 24))
    ends_ns = found[0][0] + round(hours * 3600e9)
    return tuple(one for one in found if one[0] < ends_ns)


def hours_of(weeks: int) -> float:
    """From the first opening to the last closing of so many weeks."""
    found = sessions(weeks * WEEK_HOURS)[: weeks * WEEK_DAYS]
    return (found[-1][1] - found[0][0]) / 3600e9


def render(scenario: Scenario, about: str = "") -> str:
    """The text that ``parse`` reads."""
    one = scenario
    lines = [
        *([f"# {about}"] if about else []),
        f"scenario seed={one.seed} mode={one.mode} hours={one.hours:.10g}",
        f"symbols {' '.join(one.symbols)}",
        f"market rate={one.rate:g} volatility={one.volatility:g} latency_ms={one.latency_ms:g} "
        f"version={one.version}" + ("" if one.price is None else f" price={one.price:g}"),
        *(f"policy {answer}" for answer in one.policies),
        f"settings {orjson.dumps(one.settings).decode()}",
        *(f"prompt {prompt}" for prompt in one.prompts),
        *(f"fault {line}" for line in one.faults),
    ]
    return "\n".join(lines) + "\n"


def parse(text: str, place: str) -> Scenario:
    """Read a scenario.

    Raises:
        UserError: naming ``place`` and the line that cannot be read.
    """
    found: dict[str, Any] = {"policies": (), "prompts": (), "faults": ()}
    for number, line in enumerate(text.splitlines(), 1):
        kind, _, rest = line.strip().partition(" ")
        if not kind or kind.startswith("#"):
            continue
        try:
            _take(found, kind, rest)
        except (ValueError, TypeError, KeyError, ConfigError) as problem:
            raise UserError(f"{place}:{number}: {kind}: {problem}") from None
    missing = [name for name in ("seed", "mode", "hours", "symbols") if name not in found]
    if missing:
        raise UserError(f"{place}: says nothing of {', '.join(missing)}; engine simulate --save")
    return Scenario(**found)


def _take(found: dict[str, Any], kind: str, rest: str) -> None:
    if kind == "scenario":
        words = _words(rest, seed=int, mode=str, hours=float)
        if words.get("mode") not in MODES:
            raise ValueError(f"mode is one of {', '.join(MODES)}")
        found.update(words)
    elif kind == "symbols":
        found["symbols"] = tuple(rest.split())
    elif kind == "market":
        kinds = dict.fromkeys(("rate", "volatility", "latency_ms", "price"), float)
        found.update(_words(rest, version=int, **kinds))
    elif kind == "settings":
        found["settings"] = orjson.loads(rest)
    elif kind == "policy":
        policies.answers([rest])
        found["policies"] += (rest,)
    elif kind == "prompt":
        found["prompts"] += (prompt(rest),)
    elif kind == "fault":
        fault_script.parse([rest])
        found["faults"] += (rest,)
    else:
        raise ValueError("no such line; there are scenario, symbols, market, policy, settings,"
                         " prompt, fault")  # fmt: skip


def _words(text: str, **kinds: Any) -> dict[str, Any]:
    found = {}
    for word in text.split():
        name, _, value = word.partition("=")
        if name not in kinds:
            raise ValueError(f"{word}: only {', '.join(kinds)} may stand here")
        found[name] = kinds[name](value)
    return found


def prompt(text: str) -> Prompt:
    """One prompt as it is written. Raises ValueError."""
    words = text.split(None, 2)
    if len(words) < 2 or not (words[0].startswith("+") and words[0].endswith("s")):
        raise ValueError(f"{text}: write +SECONDSs and what happens")
    if words[1] not in PROMPTS:
        raise ValueError(f"{words[1]}: there are {', '.join(PROMPTS)}")
    needed = PROMPTS[words[1]].split()
    said = words[2:] if needed == ["JSON"] else " ".join(words[2:]).split()
    if len(said) != len(needed):
        raise ValueError(f"{words[1]} is followed by {' '.join(needed) or 'nothing'}")
    if needed == ["JSON"] and not isinstance(orjson.loads(said[0]), dict):
        raise ValueError(f"{words[1]} is followed by tables of settings")
    return Prompt(float(words[0][1:-1]), words[1], tuple(said))


def in_time(prompts: Iterable[Prompt]) -> tuple[Prompt, ...]:
    return tuple(sorted(prompts, key=lambda one: one.at_s))
