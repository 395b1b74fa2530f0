"""Everything that this broker can be told to do wrong: one row a fault, by name.

A *rule* is armed for a while and acts whenever it gets the chance; an *act* happens once, or
``times`` times. Rows name their parameters as ``name:type`` or, when they may be left out,
``name:type=default``; the numbers are those of the fault matrix in docs/faults.md. What a
policy can do is done by the fault ``policy``, which changes one for a while.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

import attrs

SECOND_NS: Final = 1_000_000_000
Nature = Literal["rule", "act"]
# What a fault can wait for besides the clock: the N-th such thing at this exchange.
EVENTS: Final = ("connection", "request", "order", "cancel", "fill")
# Every rule and every act may state these as well.
RULE_COMMON: Final = "for:time=forever count:count=unlimited chance:share=100%"
ACT_COMMON: Final = "times:count=1 every:time=1s"


@attrs.frozen
class Parameter:
    """``default`` as it would be written; None: it must be stated, by name or by its place."""

    name: str
    type: str  # a type of fault_script, or words to choose from, with | between them
    default: str | None


@attrs.frozen
class FaultKind:
    """``samples``: lines without their time, each a complete example."""

    name: str
    nature: Nature
    parameters: tuple[Parameter, ...]
    rows: tuple[int, ...]
    meaning: str
    samples: tuple[str, ...]

    def parameter(self, name: str) -> Parameter | None:
        return next((one for one in self.parameters if one.name == name), None)


def _parameters(words: str) -> tuple[Parameter, ...]:
    found = []
    for word in words.split():
        name, _, rest = word.partition(":")
        kind, equals, default = rest.partition("=")
        found.append(Parameter(name, kind, default if equals else None))
    return tuple(found)


def _rule(name: str, own: str, rows: str, meaning: str, *samples: str) -> FaultKind:
    return _kind("rule", name, own, RULE_COMMON, rows, meaning, samples)


def _act(name: str, own: str, rows: str, meaning: str, *samples: str) -> FaultKind:
    return _kind("act", name, own, ACT_COMMON, rows, meaning, samples)


def _kind(
    nature: Nature,
    name: str,
    own: str,
    common: str,
    rows: str,
    meaning: str,
    samples: tuple[str, ...],
) -> FaultKind:
    """A parameter of a row that has the name of a common one replaces it."""
    mine = _parameters(own)
    names = {one.name for one in mine}
    shared = tuple(one for one in _parameters(common) if one.name not in names)
    numbers = tuple(int(row) for row in rows.split())
    return FaultKind(name, nature, (*mine, *shared), numbers, meaning, samples)


_ROWS: Final = (
    # -- messages to clients, when they are made: TCP itself never reorders -----------------------
    _rule("drop", "messages:messages scope:live|answer|any=live", "3 4 5 7 43 44 45",
          "messages are lost",
          "drop orderStatus", "drop openOrder", "drop execDetails count=1",
          "drop commission chance=50%", "drop openOrderEnd count=1", "drop execDetailsEnd count=1",
          "drop positionEnd count=1", "drop execDetails,commission scope=answer count=5",
          "drop position scope=answer count=5"),
    _rule("repeat", "messages:messages again:count=1 scope:live|answer|any=live", "1",
          "messages come again at once",
          "repeat all", "repeat execDetails again=4", "repeat orderStatus,openOrder again=2"),
    _rule("delay", "messages:messages by:time scope:live|answer|any=live", "6 7",
          "messages come later",
          "delay execDetails by=60s count=1", "delay commission by=10s",
          "delay openOrder,orderStatus by=2s chance=50%", "delay nextValidId by=3s scope=any"),
    _rule("reorder", "messages:messages within:time scope:live|answer|any=live", "2 7 9",
          "messages of a while are held back and come in another order",
          "reorder openOrder,orderStatus,execDetails,commission within=500ms"),
    _rule("garble", "messages:messages scope:live|answer|any=any count:count=1", "37",
          "one field of a message is made nonsense", "garble orderStatus", "garble execDetails",
          "garble tickPrice count=5"),
    _rule("extend", "messages:messages scope:live|answer|any=any", "37",
          "messages carry fields that nobody knows", "extend orderStatus,execDetails"),
    _act("unknown-message", "", "37", "a message of an unknown number is sent", "unknown-message"),
    # -- connections -----------------------------------------------------------------------------
    _act("reset", "client:number=all", "16 41", "connections are reset (RST)", "reset"),
    _act("close", "client:number=all", "16", "connections are closed in order (FIN)", "close"),
    _rule("cut", "messages:messages scope:live|answer|any=any count:count=1", "37",
          "the connection closes in the middle of a message", "cut orderStatus", "cut execDetails",
          "cut tickPrice"),
    _act("bad-length", "client:number=all", "37",
         "a message claims to be four gigabytes long", "bad-length"),
    _act("half-open", "for:time client:number=all", "36",
         "nothing is read or sent although the connection stands; then it is reset",
         "half-open for=20s"),
    _act("stall", "for:time client:number=all", "37",
         "nothing is sent, then all of it at once", "stall for=5s"),
    _rule("fragment", "bytes:count=7", "37", "messages come in pieces", "fragment for=10s",
          "fragment bytes=1 for=2s"),
    _rule("refuse", "how:close|silent=close", "38",
          "new connections are closed, or never answered", "refuse for=10s",
          "refuse how=silent for=5s count=1"),
    _rule("id-busy", "client:number=all", "38", "the client id is in use (326)", "id-busy for=10s"),
    _rule("next-id", "lower:count=0 higher:count=0", "39",
          "a new connection is told a next order id that is not the next",
          "next-id lower=5 count=1", "next-id higher=100000 count=1"),
    # -- requests --------------------------------------------------------------------------------
    _rule("swallow", "requests:requests", "13 14",
          "requests are neither carried out nor answered", "swallow placeOrder count=1",
          "swallow cancelOrder count=1", "swallow reqOpenOrders count=1",
          "swallow reqExecutions count=1", "swallow reqCurrentTime for=10s"),
    _rule("lose-ack", "requests:requests=placeOrder count:count=1", "15",
          "a request is carried out, but what it causes at once is not told", "lose-ack"),
    _rule("reject", "what:new|change|cancel=new code:number=201 text:text= cancels:yes|no=no"
          " count:count=1", "12 17 21 22 23 29 62 63",
          "a sound request is refused; ``cancels``: its order dies with it",
          "reject", "reject code=103", "reject code=200", "reject what=change code=10326",
          "reject what=change code=10326 cancels=yes", "reject what=change code=105",
          "reject what=change code=2102", "reject what=cancel code=10147",
          "reject what=cancel code=161"),
    _rule("rate-limit", "per_s:count=50 disconnect:yes|no=yes", "56",
          "more messages in a second of the exchange than this give error 100 and the end",
          "rate-limit per_s=20"),
    # -- orders ----------------------------------------------------------------------------------
    _rule("reject-late", "after:time=500ms code:number=201 text:text= types:types=any"
          " count:count=1", "29",
          "an order that was acknowledged is rejected after all", "reject-late",
          "reject-late types=STP after=2s"),
    _rule("inactive", "hold:time=5s types:types=any count:count=1", "29",
          "an order becomes Inactive, and works later", "inactive hold=10s"),
    _rule("locate", "hold:time=30s count:count=1", "49",
          "an order that would open a short position waits for shares (404)", "locate hold=20s"),
    _rule("double", "count:count=1", "25",
          "a modification becomes a second working order with a permId of its own", "double"),
    _rule("late-fill", "after:time=1s part:share=100% count:count=1", "10 11",
          "an order fills after it was cancelled", "late-fill after=1ms", "late-fill after=2s",
          "late-fill after=5s part=40%"),
    _rule("stuck", "types:types=STP,TRAIL", "30",
          "orders of these types are set off and do not fill", "stuck for=20s"),
    _rule("correct", "after:time=1s quantity:shares=0 price:price=0 bust:yes|no=no count:count=1",
          "8 9", "an execution is corrected: a revision .02 with other shares or another price",
          "correct quantity=-10", "correct price=-0.05", "correct bust=yes after=3s"),
    _act("cancel-by-hand", "symbol:symbol=any types:types=any", "28 47",
         "the user of TWS cancels working orders", "cancel-by-hand types=STP"),
    _act("change-by-hand", "symbol:symbol=any types:types=any quantity:shares=0 price:price=0",
         "47", "the user of TWS changes size or price of working orders by so much",
         "change-by-hand types=STP price=-0.50"),
    _act("order-by-hand", "symbol:symbol side:BUY|SELL quantity:shares type:text=MKT"
         " price:price=0", "46", "the user of TWS places an order",
         "order-by-hand {symbol} SELL 50", "order-by-hand {symbol} BUY 10 type=LMT price=1"),
    _act("liquidate", "symbol:symbol=any", "48", "the broker closes positions by force",
         "liquidate"),
    # -- the market ------------------------------------------------------------------------------
    _act("halt", "symbol:symbol for:time kind:number=1", "31 54",
         "trading is halted (1 by a regulator, 2 for volatility); the price may gap meanwhile",
         "halt {symbol} for=30s kind=2"),
    _act("quote", "symbol:symbol what:missing|zero|crossed|nan|delayed for:time", "55",
         "clients are shown a quote that is none; the market goes on",
         "quote {symbol} missing for=10s", "quote {symbol} zero for=10s",
         "quote {symbol} crossed for=10s", "quote {symbol} delayed for=10s"),
    _rule("mute", "symbol:symbol=any", "33 55", "clients get no ticks", "mute for=20s",
          "mute symbol={symbol} for=20s"),
    # -- what is told ----------------------------------------------------------------------------
    _act("say", "code:number id:number=-1 text:text=", "32 35 50 51 52",
         "an error message is sent out of nothing",
         "say 1100 times=5 every=2s", "say 2110", "say 1102", "say 1101", "say 2103", "say 10349",
         "say 77777", "say 10197 times=10 every=100ms"),
    _act("say-order", "code:number text:text=", "50 52",
         "an error message is sent about the newest working order", "say-order 10349",
         "say-order 399", "say-order 2109", "say-order 77777"),
    _rule("status-word", "word:text=Pondering count:count=1", "51",
          "an orderStatus with a word that nobody knows", "status-word"),
    _rule("exec-time", "style:utc|zoneless|other-zone|garbage", "61",
          "executions carry their time in another form", "exec-time utc", "exec-time zoneless",
          "exec-time other-zone", "exec-time garbage"),
    _rule("unset-commission", "", "7", "commissions come as the number that means none",
          "unset-commission"),
    _rule("hide-order", "count:count=1", "42", "an open order is left out of an answer",
          "hide-order"),
    _rule("stale-positions", "", "45", "positions are answered as they were when this began",
          "stale-positions for=20s"),
    _rule("forget-contract", "symbol:symbol", "62", "a contract is not known any more (200)",
          "forget-contract {symbol} for=10s"),
    # -- the broker's own troubles ---------------------------------------------------------------
    _act("link-down", "for:time restored:1101|1102|none=1102 fills:held|told=held data:time=0s",
         "32 33 34 35", "TWS loses IB (1100, also for who connects): no ticks; news of orders and"
         " answers about them wait unless told; ``data``: so long after the end still no ticks",
         "link-down for=20s", "link-down for=20s restored=1101",
         "link-down for=20s restored=1102 data=30s", "link-down for=20s restored=none",
         "link-down for=10s fills=told"),
    _act("farm-down", "for:time farm:usfarm|ushmds|secdefnj=usfarm", "33",
         "a farm breaks and is restored; without usfarm there are no ticks", "farm-down for=10s"),
    _act("reset-window", "for:time", "40", "the nightly reset: stops are not set off; news of"
         " orders and executions, and answers about them, wait for its end",
         "reset-window for=60s"),
    _act("restart", "for:time=5s lower:count=0", "39 41",
         "TWS restarts: connections are reset and refused for a while, ids begin lower",
         "restart", "restart for=3s lower=4"),
    _act("policy", "answer:policy for:time=forever", "18 19 20 21 22 24 26 27 63 67",
         "the broker answers one of its open questions in another way",
         "policy child_activation=on_full", "policy children_on_parent_cancel=cancel",
         "policy child_quantity=force_parent", "policy oca_modify=refuse_keep for=60s",
         "policy oca_modify=refuse_cancel for=60s", "policy oca_siblings=forget for=60s",
         "policy oca3_same_tick=overfill", "policy modify_delay_ns=2000000000 for=60s",
         "policy cancel_delay_ns=2000000000 for=60s", "policy margin=refuse for=60s",
         "policy active_orders_max=3 for=60s"),
)  # fmt: skip
KINDS: Final[Mapping[str, FaultKind]] = {row.name: row for row in _ROWS}


@attrs.frozen
class Moment:
    """A time of a script: on the exchange's clock since its midnight, or since the start."""

    ns: int
    since_start: bool = False


@attrs.frozen
class When:
    """``event`` with ``number``, or from ``begin`` (None: the start) up to ``end``."""

    begin: Moment | None = None
    end: Moment | None = None
    event: str = ""
    number: int = 0


@attrs.frozen
class Fault:
    """One line of a script."""

    when: When
    kind: FaultKind
    arguments: Mapping[str, Any]
    line: str

    def __getitem__(self, name: str) -> Any:
        return self.arguments[name]
