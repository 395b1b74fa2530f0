"""Runs tests/scenarios/*.txt: one line is one step, ``time verb arguments => expectation``.

Verbs
    config KEY=VALUE …        strategy settings, dotted (stop.atr=6, sizing.shares=100), limits.X
                              or policy.X (of the exchange); values as in TOML, without blanks
    quote SYM BID ASK [size=N] [atr=X|none] [age=S] [halted] [delayed]
    trade SYM PRICE [size=N]  a trade with quotes a cent around it
    signal SYM KIND [conf] [id=X]
    close SYM|*               the operator closes
    bracket REF SYM SIDE QTY stop=P [target=P] [entry=P]
    oco REF SYM QTY SIDE TYPE PRICE SIDE TYPE PRICE
    cancel REF
    broker cancel SYM TYPE    the exchange cancels one of our orders by itself
    lose / connect            the link
    restart                   a new core from the recorded inputs, then connect
    wait SECONDS
Expectations, separated by ``;``
    SYM STATE [long|short N] [| ORDER]…   state, holding and exactly these live orders
    refused REASON            the step refused something for this reason
    trade REASON PROFIT       the step finished a trade (profit before commissions)
    nothing                   the step sent no order command

Every scenario also runs mirrored at the pivot of its first line (``mirror 100``): prices p
become 2*pivot - p, buys become sales and BUY becomes SHORT. ``mirror no: WHY`` switches it off.
"""

from __future__ import annotations

import re
import tomllib
from decimal import Decimal
from pathlib import Path

import pytest

from engine.commands import Amend, Cancel, Place
from engine.config import from_mapping
from engine.events import RefusalEvent, TradeEvent
from engine.inputs import (
    BracketRequested,
    CancelRequested,
    CloseRequested,
    MarketView,
    OcoLeg,
    OcoRequested,
)
from engine.sim.policies import Policies
from tests.core.desk import CLIENT, OPEN_NS, SECOND, Desk

FOLDER = Path(__file__).parent.parent / "scenarios"
MIRROR_WORD = {
    "BUY": "SELL", "SELL": "BUY", "SHORT": "BUY", "long": "short", "short": "long",
}  # fmt: skip


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
        self._desk: Desk | None = None

    @property
    def desk(self) -> Desk:
        if self._desk is None:
            config = from_mapping({"strategy": self.strategy, "limits": self.limits})
            self._desk = Desk(config, Policies(**self.policies))
        return self._desk

    def price(self, text: str) -> Decimal:
        value = Decimal(text)
        return 2 * self.pivot - value if self.mirrored and self.pivot is not None else value

    def word(self, text: str) -> str:
        return MIRROR_WORD.get(text, text) if self.mirrored else text

    def run(self) -> None:
        for number, line in self.steps:
            action, _, expected = (part.strip() for part in line.partition("=>"))
            time, *words = action.split()
            marks = (0, 0)
            if time != "config":
                marks = len(self.desk.events), len(self.desk.commands)
            if re.fullmatch(r"\d+:\d\d:\d\d", time):
                hours, minutes, seconds = map(int, time.split(":"))
                at_ns = OPEN_NS + ((hours * 60 + minutes) * 60 + seconds - 34_200) * SECOND
                self.desk.wait((at_ns - self.desk.now_ns) / SECOND)
            else:
                words = [time, *words]
            try:
                getattr(self, f"do_{words[0]}")(*words[1:])
                if expected:
                    self.expect(expected, *marks)
            except AssertionError as problem:
                raise AssertionError(f"{self.path.name}:{number}: {line}\n{problem}") from problem

    # -- verbs -------------------------------------------------------------------------------

    def do_config(self, *settings: str) -> None:
        for setting in settings:
            key, _, value = setting.partition("=")
            parsed = _parsed(value)
            target, *path = key.split(".")
            if target == "policy":
                self.policies[path[0]] = parsed
            elif target == "limits":
                self.limits[path[0]] = parsed
            elif path:
                self.strategy[target] = {**self.strategy.get(target, {}), path[0]: parsed}
            else:
                self.strategy[target] = parsed

    def do_quote(self, symbol: str, bid: str, ask: str, *options: str) -> None:
        low, high = sorted((float(self.price(bid)), float(self.price(ask))))
        given = dict(option.partition("=")[::2] for option in options)
        atr = given.get("atr", "1.0")
        self.desk.quote(symbol, low, high, int(given.get("size", 100_000)))
        self.desk.quotes[symbol] = MarketView(
            symbol, low, high, low,
            quote_age_ns=int(float(given.get("age", 0)) * SECOND),
            atr=None if atr == "none" else float(atr),
            halted="halted" in given,
            live="delayed" not in given,
        )  # fmt: skip

    def do_trade(self, symbol: str, price: str, *options: str) -> None:
        given = dict(option.partition("=")[::2] for option in options)
        self.desk.trade(symbol, float(self.price(price)), int(given.get("size", 100_000)))

    def do_signal(self, symbol: str, kind: str, *options: str) -> None:
        given = dict(option.partition("=")[::2] for option in options)
        confidence = next((float(o) for o in options if "=" not in o), 1.0)
        if self.mirrored:
            kind = {"BUY": "SHORT", "SHORT": "BUY"}.get(kind, kind)
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

    def do_broker(self, what: str, symbol: str, order_type: str) -> None:
        assert what == "cancel"
        order = next(
            o
            for o in self.desk.exchange.open_orders(CLIENT)
            if o.instrument.symbol == symbol and o.order_type == order_type
        )
        self.desk.deliver(self.desk.exchange.cancel(CLIENT, order.order_id))

    def do_lose(self) -> None:
        self.desk.lose()

    def do_connect(self) -> None:
        self.desk.connect()

    def do_restart(self) -> None:
        self.desk.restart()

    def do_wait(self, seconds: str) -> None:
        self.desk.wait(float(seconds))

    # -- expectations ------------------------------------------------------------------------

    def expect(self, expected: str, events: int, commands: int) -> None:
        new_events = self.desk.events[events:]
        new_commands = self.desk.commands[commands:]
        for clause in (part.strip() for part in expected.split(";")):
            words = clause.split()
            if words[0] == "refused":
                reasons = [e.reason for e in new_events if isinstance(e, RefusalEvent)]
                assert words[1] in reasons, f"refused: {reasons}"
            elif words[0] == "trade":
                trades = [e for e in new_events if isinstance(e, TradeEvent)]
                told = [(t.reason, t.realised + t.commission) for t in trades]
                assert (words[1], Decimal(words[2])) in told, f"trades: {told}"
            elif words[0] == "nothing":
                sent = [c for c in new_commands if isinstance(c, Place | Amend | Cancel)]
                assert not sent, f"sent: {sent}"
            else:
                self.expect_symbol(clause)

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


@pytest.mark.parametrize(("path", "mirrored"), _cases())
def test_scenario(path: Path, mirrored: bool) -> None:
    Script(path, mirrored).run()
