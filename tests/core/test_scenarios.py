"""Runs tests/scenarios/*.txt: one line is one step, ``time verb arguments => expectation``.

A file is named by the line of the contract of behaviour that it plays; from 30 on policies, the
link and a host's own orders.

Times are those of the exchange's clock. What stands before the first step that has a time or
touches the market makes the desk:
    config KEY=VALUE …        strategy settings, dotted (stop.atr=6, sizing.shares=100), limits.X
                              or policy.X (of the exchange); values as in TOML, without blanks
    rule {id=…, when=…, then=…}   a rule of the strategy, as an inline table of TOML
    session DATE [OPEN CLOSE] hours of one more day (09:30 16:00); a CLOSE before OPEN is of the
                              day after. Without any, one day from 09:30 to 16:00
Verbs
    quote SYM BID ASK [size=N] [atr=X|none] [age=S] [halted] [delayed]
    trade SYM PRICE [size=N]  a trade with quotes a cent around it
    signal SYM KIND [conf] [id=X]
    close SYM|*               the operator closes
    bracket REF SYM SIDE QTY stop=P [target=P] [entry=P]
    oco REF SYM QTY SIDE TYPE PRICE SIDE TYPE PRICE
    cancel REF
    rule {…}, replace {…} [keeping], remove ID, enable ID, disable ID
                              the rules change; ``keeping`` the counters
    equity AMOUNT             the account is worth so much now
    broker cancel SYM TYPE    the exchange cancels the oldest of our orders of a type by itself
    broker fill SYM TYPE[+TYPE] QTY [PRICE]   it fills of the oldest of each type, whatever the
                              market shows; of two before one of them can end the other
    broker late SYM SIDE QTY TYPE PRICE   a fill of the last such order, whose end was told
    broker refuse TYPE N      it rejects the next N new orders of this type
    lose / connect            the link
    restart                   a new core from the recorded inputs, then connect
    wait SECONDS
    day DATE                  from here on times are those of this day
Expectations, separated by ``;``
    SYM STATE [long|short N] [| ORDER]…   state, holding and exactly these live orders
    SYM stops N @ PRICE …     what the live stops of its side would trade, and at which prices;
                              ``targets`` likewise. What the broker holds back does not count
    SYM average PRICE         of what is held
    sent ORDER [| ORDER]…     exactly these orders were placed by the step, in this order
    N commands                so many orders were placed, amended or cancelled
    nothing                   0 commands
    refused REASON [RULE]     the step refused something for this reason
    told WORDS [| WORDS]…     alerts with these words, in this order
    quiet                     no alert worse than information
    trade REASON PROFIT       the step finished a trade (profit before commissions)
    wrong WORDS               (of ``config`` and ``rule``) the settings are refused in these words

Every scenario also runs mirrored at the pivot of its first line (``mirror 100``): prices p
become 2*pivot - p, buys become sales and BUY becomes SHORT, in rules too. ``mirror no: WHY``
switches it off. However a scenario goes, no order may turn a position over.
"""

from __future__ import annotations

import re
import tomllib
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest

from engine.commands import Amend, Cancel, Place
from engine.config import Config, from_mapping
from engine.errors import ConfigError
from engine.events import AlertEvent, RefusalEvent, TradeEvent
from engine.inputs import (
    AccountReported,
    AccountValue,
    BracketRequested,
    CancelRequested,
    CloseRequested,
    MarketView,
    OcoLeg,
    OcoRequested,
    RuleChanged,
)
from engine.sim.instruments import session, utc_ns, zone
from engine.sim.policies import Policies
from tests.core.desk import ACCOUNT, DAY, SECOND, Desk

FOLDER = Path(__file__).parent.parent / "scenarios"
MIRROR_WORD = {
    "BUY": "SELL", "SELL": "BUY", "SHORT": "BUY", "long": "short", "short": "long",
    "bid": "ask", "ask": "bid", "above": "below", "below": "above",
}  # fmt: skip
MIRROR_SIGNAL = {"BUY": "SHORT", "SHORT": "BUY"}
DAY_NS = 86_400 * SECOND


class Script:
    """One scenario file, long or mirrored, against one desk."""

    def __init__(self, path: Path, mirrored: bool) -> None:
        lines = path.read_text("utf-8").splitlines()
        self.path = path
        self.steps = [
            (number, line.split("#", 1)[0].strip())
            for number, line in enumerate(lines, 1)
            if line.split("#", 1)[0].strip()
        ]
        head = self.steps.pop(0)[1]
        self.pivot = None if head.startswith("mirror no") else Decimal(head.split()[1])
        self.mirrored = mirrored
        self.strategy: dict[str, object] = {"symbols": ["AAPL", "MSFT", "TSLA"]}
        self.limits: dict[str, object] = {}
        self.policies: dict[str, object] = {}
        self.rules: list[object] = []
        self.sessions: dict[date, tuple[int, int]] = {}
        self.day = DAY
        self._desk: Desk | None = None

    @property
    def desk(self) -> Desk:
        if self._desk is None:
            hours = tuple(self.sessions.values()) or (session(DAY),)
            self.day = min(self.sessions, default=DAY)
            self._desk = Desk(self.config(), Policies(**self.policies), sessions=hours)
        return self._desk

    def config(self) -> Config:
        strategy = {**self.strategy, "rules": self.rules}
        return from_mapping({"strategy": strategy, "limits": self.limits})

    def price(self, text: str) -> Decimal:
        value = Decimal(text)
        return 2 * self.pivot - value if self.mirrored and self.pivot is not None else value

    def word(self, text: str) -> str:
        return MIRROR_WORD.get(text, text) if self.mirrored else text

    def mirrored_rule(self, data: Any, key: str = "") -> Any:
        """A rule as plain data, for the other side."""
        if isinstance(data, dict):
            told = {name: self.mirrored_rule(value, name) for name, value in data.items()}
            if told.get("kind") == "adjust":
                told["quantity"] = -told["quantity"]
            return told
        if isinstance(data, list):
            return [self.mirrored_rule(one, key) for one in data]
        if key == "where":
            words = MIRROR_SIGNAL if data.startswith("signal") else MIRROR_WORD
            return " ".join(words.get(one, one) for one in data.split())
        if key in ("level", "price") and not isinstance(data, str):
            return float(self.price(str(data)))
        return self.word(data) if isinstance(data, str) else data

    def rule_name(self, name: str) -> str:
        """The pattern has rules of its own for each side."""
        word = name.removeprefix("pattern.").upper()
        return (
            f"pattern.{MIRROR_SIGNAL[word].lower()}"
            if self.mirrored and word in MIRROR_SIGNAL
            else name
        )

    def table(self, words: tuple[str, ...]) -> dict[str, Any]:
        data: dict[str, Any] = tomllib.loads(f"x={' '.join(words)}")["x"]
        return self.mirrored_rule(data) if self.mirrored else data  # type: ignore[no-any-return]

    def run(self) -> None:
        for number, line in self.steps:
            action, _, expected = (part.strip() for part in line.partition("=>"))
            words = action.split()
            if not re.fullmatch(r"\d+:\d\d:\d\d", words[0]):
                words = ["", *words]
            try:
                self.step(words[0], words[1], words[2:], expected)
            except AssertionError as problem:
                raise AssertionError(f"{self.path.name}:{number}: {line}\n{problem}") from problem
        crossings = self.desk.exchange.oracle.crossings - self.desk.excused
        assert crossings == 0, f"{self.path.name}: {crossings} orders have turned a position over"

    def step(self, at: str, verb: str, words: list[str], expected: str) -> None:
        if not at and verb in ("config", "rule", "session"):
            self.prepare(verb, words, expected)
            return
        desk = self.desk
        marks = len(desk.events), len(desk.commands)
        if at:
            moment = datetime.combine(self.day, time.fromisoformat(at.zfill(8)), zone())
            ahead_ns = utc_ns(moment) - desk.now_ns
            assert ahead_ns >= 0, "time runs backwards"
            desk.wait_until(desk.now_ns + ahead_ns)
        getattr(self, f"do_{verb}")(*words)
        if expected:
            self.expect(expected, *marks)

    def prepare(self, verb: str, words: list[str], expected: str) -> None:
        """A line that makes the desk; one that is wrong leaves nothing behind."""
        assert self._desk is None, f"{verb} comes before the first step"
        before = self.strategy, self.limits, self.policies, self.rules
        self.strategy, self.limits, self.policies, self.rules = (
            dict(before[0]), dict(before[1]), dict(before[2]), list(before[3])
        )  # fmt: skip
        getattr(self, f"set_{verb}")(*words)
        if not expected:
            return
        assert expected.startswith("wrong ")
        try:
            self.config()
        except ConfigError as problem:
            assert expected.removeprefix("wrong ") in str(problem), problem
        else:
            raise AssertionError("the settings are taken")
        self.strategy, self.limits, self.policies, self.rules = before

    # -- settings ----------------------------------------------------------------------------

    def set_config(self, *settings: str) -> None:
        for setting in settings:
            key, _, value = setting.partition("=")
            parsed = _parsed(value)
            target, *path = key.split(".")
            if target == "policy":
                kept = Policies.__annotations__[path[0]] == "Decimal"
                self.policies[path[0]] = Decimal(value) if kept else parsed
            elif target == "limits":
                self.limits[path[0]] = parsed
            elif path:
                self.strategy[target] = {**self.strategy.get(target, {}), path[0]: parsed}  # type: ignore[dict-item]
            else:
                self.strategy[target] = parsed

    def set_rule(self, *words: str) -> None:
        self.rules.append(self.table(words))

    def set_session(self, on: str, opens: str = "09:30", closes: str = "16:00") -> None:
        day = date.fromisoformat(on)
        first, last = (
            utc_ns(datetime.combine(day, time.fromisoformat(one), zone()))
            for one in (opens, closes)
        )
        self.sessions[day] = first, last if last > first else last + DAY_NS

    # -- verbs -------------------------------------------------------------------------------

    def do_quote(self, symbol: str, bid: str, ask: str, *options: str) -> None:
        low, high = sorted((float(self.price(bid)), float(self.price(ask))))
        given = dict(option.partition("=")[::2] for option in options)
        atr = given.get("atr", "1.0")
        view = MarketView(
            symbol, low, high, low,
            quote_age_ns=int(float(given.get("age", 0)) * SECOND),
            atr=None if atr == "none" else float(atr),
            halted="halted" in given,
            live="delayed" not in given,
        )  # fmt: skip
        self.desk.show(view, int(given.get("size", 100_000)))

    def do_trade(self, symbol: str, price: str, *options: str) -> None:
        given = dict(option.partition("=")[::2] for option in options)
        self.desk.trade(symbol, float(self.price(price)), int(given.get("size", 100_000)))

    def do_signal(self, symbol: str, kind: str, *options: str) -> None:
        given = dict(option.partition("=")[::2] for option in options)
        confidence = next((float(o) for o in options if "=" not in o), 1.0)
        if self.mirrored:
            kind = MIRROR_SIGNAL.get(kind, kind)
        self.desk.signal(symbol, kind, confidence, given.get("id"))

    def do_close(self, symbol: str) -> None:
        self.desk.feed(CloseRequested(None if symbol == "*" else symbol, "operator"))

    def do_bracket(self, reference: str, symbol: str, side: str, quantity: str, *rest: str) -> None:
        given = {k: self.price(v) for k, _, v in (option.partition("=") for option in rest)}
        self.desk.feed(
            BracketRequested(
                reference,
                symbol,
                self.word(side),
                Decimal(quantity),
                given["stop"],
                given.get("target"),
                given.get("entry"),
                self.desk.quotes.get(symbol),
            )
        )

    def do_oco(self, reference: str, symbol: str, quantity: str, *rest: str) -> None:
        legs = [OcoLeg(self.word(rest[i]), rest[i + 1], self.price(rest[i + 2])) for i in (0, 3)]
        self.desk.feed(
            OcoRequested(
                reference,
                symbol,
                Decimal(quantity),
                (legs[0], legs[1]),
                self.desk.quotes.get(symbol),
            )
        )

    def do_cancel(self, reference: str) -> None:
        self.desk.feed(CancelRequested(reference))

    def do_rule(self, *words: str) -> None:
        self.change("add", words)

    def do_replace(self, *words: str) -> None:
        keeping = words[-1] == "keeping"
        self.change("replace", words[:-1] if keeping else words, keeping)

    def change(self, what: str, words: tuple[str, ...], keeping: bool = False) -> None:
        data = self.table(words)
        rule = orjson.dumps(data).decode()
        self.desk.feed(RuleChanged(what, data["id"], rule, keeping))  # type: ignore[arg-type]

    def do_remove(self, rule: str) -> None:
        self.desk.feed(RuleChanged("remove", self.rule_name(rule)))

    def do_enable(self, rule: str) -> None:
        self.desk.feed(RuleChanged("enable", self.rule_name(rule)))

    def do_disable(self, rule: str) -> None:
        self.desk.feed(RuleChanged("disable", self.rule_name(rule)))

    def do_equity(self, amount: str) -> None:
        self.desk.feed(AccountReported(ACCOUNT, (AccountValue("NetLiquidation", amount, "USD"),)))

    def do_broker(self, what: str, *words: str) -> None:
        if what == "cancel":
            self.desk.broker_cancels(words[0], words[1])
        elif what == "fill":
            at = self.price(words[3]) if len(words) > 3 else None
            self.desk.broker_fills(words[0], words[1].split("+"), Decimal(words[2]), at)
        elif what == "late":
            symbol, side, quantity, order_type, price = words
            self.desk.broker_fills_late(
                symbol, self.word(side), Decimal(quantity), order_type, self.price(price)
            )
        else:
            assert what == "refuse", what
            self.desk.refusals[words[0]] = int(words[1])

    def do_lose(self) -> None:
        self.desk.lose()

    def do_connect(self) -> None:
        self.desk.connect()

    def do_restart(self) -> None:
        self.desk.restart()

    def do_wait(self, seconds: str) -> None:
        self.desk.wait(float(seconds))

    def do_day(self, on: str) -> None:
        self.day = date.fromisoformat(on)

    # -- expectations ------------------------------------------------------------------------

    def expect(self, expected: str, events: int, commands: int) -> None:
        said = self.desk.events[events:]
        sent = [c for c in self.desk.commands[commands:] if isinstance(c, Place | Amend | Cancel)]
        for clause in (part.strip() for part in expected.split(";")):
            words = clause.split()
            listed = [part.strip() for part in clause.partition(" ")[2].split("|")]
            if words[0] == "refused":
                refusals = [e for e in said if isinstance(e, RefusalEvent)]
                told = [(e.reason, e.rule) if len(words) > 2 else (e.reason,) for e in refusals]
                assert (words[1], *map(self.rule_name, words[2:])) in told, f"refused: {told}"
            elif words[0] == "trade":
                trades = [e for e in said if isinstance(e, TradeEvent)]
                ends = [(t.reason, t.realised + t.commission) for t in trades]
                assert (words[1], Decimal(words[2])) in ends, f"trades: {ends}"
            elif words[0] == "told":
                self.expect_told(listed, [e.text for e in said if isinstance(e, AlertEvent)])
            elif words[0] == "quiet":
                alerts = [e.text for e in said if isinstance(e, AlertEvent) and e.level != "info"]
                assert not alerts, f"told: {alerts}"
            elif words[0] == "sent":
                placed = [_placed(command) for command in sent if isinstance(command, Place)]
                assert placed == [self.order(one) for one in listed], f"sent: {placed}"
            elif words[-1] in ("nothing", "commands"):
                assert len(sent) == int(words[0] if words[1:] else 0), f"sent: {sent}"
            elif words[1] in ("stops", "targets"):
                self.expect_cover(*words)
            elif words[1] == "average":
                self.expect_average(words[0], self.price(words[2]))
            else:
                self.expect_symbol(clause)

    def expect_told(self, listed: list[str], alerts: list[str]) -> None:
        rest = iter(alerts)
        for words in listed:
            assert any(words in text for text in rest), f"told: {alerts}"

    def expect_cover(self, symbol: str, which: str, *pairs: str) -> None:
        types = ("STP", "TRAIL") if which == "stops" else ("LMT",)
        quantities, prices = map(Decimal, pairs[::3]), map(self.price, pairs[2::3])
        wanted = dict(zip(prices, quantities, strict=True))
        got = self.desk.cover(symbol, types)
        assert got == wanted, f"{which}: {[f'{n} @ {at}' for at, n in got.items()]}"

    def expect_average(self, symbol: str, wanted: Decimal) -> None:
        average = self.desk.core.state.current[symbol].ledger.position.average_price
        assert average == wanted, f"average: {average}"

    def expect_symbol(self, clause: str) -> None:
        head, *orders = (part.strip() for part in clause.split("|"))
        symbol, state, *holding = head.split()
        signed = self.desk.core.state.held(symbol)
        side = "long" if signed > 0 else "short"
        got = [self.desk.context_state(symbol)] + ([side, str(abs(signed))] if signed else [])
        assert got == [state, *(self.word(word) for word in holding)], f"is {' '.join(got)}"
        assert self.desk.live(symbol) == sorted(map(self.order, orders)), (
            f"live: {self.desk.live(symbol)}"
        )

    def order(self, text: str) -> str:
        side, quantity, kind, *price = text.split()
        line = f"{self.word(side)} {quantity} {kind}"
        return line + (f" {self.price(price[0]).quantize(Decimal('0.01'))}" if price else "")


def _placed(command: Place) -> str:
    spec = command.spec
    price = spec.limit_price or spec.trail_stop_price or spec.aux_price
    line = f"{spec.action} {spec.quantity} {spec.order_type}"
    return line + ("" if price is None else f" {price.quantize(Decimal('0.01'))}")


def _parsed(value: str) -> object:
    """A setting as TOML has it; ``none`` is None and a bare word is a text."""
    try:
        return None if value == "none" else tomllib.loads(f"x={value}")["x"]
    except tomllib.TOMLDecodeError:
        return value


def _cases() -> list[object]:
    cases = []
    for path in sorted(FOLDER.glob("*.txt")):
        cases.append(pytest.param(path, False, id=path.stem))
        if not re.search(r"^mirror no", path.read_text("utf-8"), re.MULTILINE):
            cases.append(pytest.param(path, True, id=f"{path.stem}-mirrored"))
    return cases


@pytest.mark.rows
@pytest.mark.parametrize(("path", "mirrored"), _cases())
def test_scenario(path: Path, mirrored: bool) -> None:
    Script(path, mirrored).run()
