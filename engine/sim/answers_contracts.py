"""Answers about what can be traded: definitions, price grids, venues, symbols."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from engine.sim import instruments
from engine.sim.answers import Answer, described, invalid, nothing
from engine.sim.client import Client
from engine.sim.depth import VENUES
from engine.sim.desk import Desk
from engine.sim.streams import BBO_EXCHANGE
from engine.sim.wire_lists import DEPTH_EXCHANGES, MARKET_RULE, SMART_COMPONENTS, SYMBOL_SAMPLES
from engine.sim.wire_messages import CONTRACT_DETAILS_END, OPTION_PARAMETERS_END
from engine.sim.wire_requests import Request

SAMPLES_MAX: Final = 16  # symbols of one answer
# The venues behind SMART: bit of the map, name, letter on the tape.
COMPONENTS: Final = (
    (0, "AMEX", "A"),
    (1, "NYSE", "N"),
    (2, "ARCA", "P"),
    (3, "ISLAND", "Q"),
    (4, "IEX", "V"),
)


def _contract_details(desk: Desk, client: Client, request: Request) -> None:
    instrument = described(desk, client, request)
    if instrument is not None:
        listing = desk.listing(instrument)
        client.put(client.encoder.contract_details(request.request_id, listing))
        client.send(CONTRACT_DETAILS_END, request.request_id)


def _market_rule(desk: Desk, client: Client, request: Request) -> None:
    rule_id = request.number("marketRuleId")
    rule = instruments.MARKET_RULES.get(rule_id)
    if rule is None:
        desk.error(client, -1, *invalid(f"Invalid market rule id {rule_id}"))
        return
    bands = [(float(edge), float(increment)) for edge, increment in rule.bands]
    client.put(client.encoder.listed(MARKET_RULE, (rule_id,), bands))


def _matching_symbols(desk: Desk, client: Client, request: Request) -> None:
    """Instruments whose symbol, or a word of whose name, begins like the pattern."""
    pattern = request.word("pattern").strip().upper()
    rows = []
    for one in desk.exchange.instruments if pattern else ():
        name = desk.listing(one).long_name
        if any(word.upper().startswith(pattern) for word in (one.symbol, *name.split())):
            rows.append(
                (
                    *(one.con_id, one.symbol, one.sec_type, one.primary_exchange, one.currency),
                    *(name, ""),
                )
            )
    client.put(client.encoder.listed(SYMBOL_SAMPLES, (request.request_id,), rows[:SAMPLES_MAX]))


def _smart_components(desk: Desk, client: Client, request: Request) -> None:
    if request.word("bboExchange") != BBO_EXCHANGE:
        cause = f"Invalid BBO exchange '{request.word('bboExchange')}'"
        desk.error(client, request.request_id, *invalid(cause))
        return
    client.put(client.encoder.listed(SMART_COMPONENTS, (request.request_id,), COMPONENTS))


def _depth_exchanges(desk: Desk, client: Client, request: Request) -> None:
    rows = [(venue, "STK", "", service, 1) for venue, service in VENUES.items()]
    client.put(client.encoder.listed(DEPTH_EXCHANGES, (), rows))


def _option_parameters(desk: Desk, client: Client, request: Request) -> None:
    """No option is listed on anything here, which TWS tells by the end alone."""
    known = desk.by_con_id(request.number("underlyingConId"))
    if known is None or known.symbol != request.word("underlyingSymbol"):
        desk.error(client, request.request_id, *invalid("Invalid contract id"))
        return
    client.send(OPTION_PARAMETERS_END, request.request_id)


ANSWERS: Final[Mapping[int, Answer]] = {
    9: _contract_details,
    78: _option_parameters,
    81: _matching_symbols,
    82: _depth_exchanges,
    83: _smart_components,
    91: _market_rule,
    106: nothing,
}
