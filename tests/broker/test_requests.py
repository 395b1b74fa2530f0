"""Requests against ibapi's own encoder, called here without any of our code in between."""

import builtins
import sys
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ibapi.client import EClient
from ibapi.contract import Contract
from ibapi.order import Order
from ibapi.order_cancel import OrderCancel
from ibapi.wrapper import EWrapper

from engine.broker import library
from engine.broker.requests import HURRIED, Requests, plain
from engine.broker.templates import OrderValues, TemplateError, learn_cancel, learn_order
from engine.commands import OrderSpec
from engine.errors import ConfigError, UserError
from engine.inputs import Instrument

VERSIONS = (176, 178, 187, 189, 191, 192, 194, 198, 200, 201, 202, 203, 213, 226)
APPLE = Instrument(
    "AAPL", 265598, primary_exchange="NASDAQ", local_symbol="AAPL", trading_class="NMS"
)
REQUESTS = {version: Requests(version) for version in VERSIONS}
name = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=40)
price = st.none() | st.decimals(Decimal("0.0001"), 1_000_000, places=4)
specs = st.builds(
    OrderSpec,
    action=st.sampled_from(["BUY", "SELL"]),
    quantity=st.decimals(Decimal("0.0001"), 10_000_000, places=4)
    | st.integers(1, 10**9).map(Decimal),
    order_type=st.sampled_from(["MKT", "LMT", "STP", "STP LMT", "TRAIL"]),
    limit_price=price,
    aux_price=price,
    tif=st.sampled_from(["DAY", "GTC", "IOC"]),
    outside_rth=st.booleans(),
    account=st.sampled_from(["DU1", "U12345678"]),
    order_ref=name,
    oca_group=name,
    oca_type=st.integers(0, 3),
    parent_id=st.integers(0, 2_000_000_000),
    transmit=st.booleans(),
    trail_percent=st.none() | st.decimals(Decimal("0.01"), 99, places=2),
    trail_stop_price=price,
)


class Wire:
    def __init__(self):
        self.frames = []

    def isConnected(self):
        return True

    def sendMsg(self, frame):
        self.frames.append(frame)


def client(version):
    found = EClient(EWrapper())
    found.conn = Wire()
    found.serverVersion_ = version
    found.setConnState(EClient.CONNECTED)
    return found


def apple():
    contract = Contract()
    contract.conId, contract.symbol, contract.secType = 265598, "AAPL", "STK"
    contract.exchange, contract.primaryExchange, contract.currency = "SMART", "NASDAQ", "USD"
    contract.localSymbol, contract.tradingClass = "AAPL", "NMS"
    return contract


def reference(version, order_id, spec):
    order = Order()
    order.action, order.totalQuantity, order.orderType = spec.action, spec.quantity, spec.order_type
    if spec.limit_price is not None:
        order.lmtPrice = float(spec.limit_price)
    if spec.aux_price is not None:
        order.auxPrice = float(spec.aux_price)
    order.tif, order.outsideRth, order.account = spec.tif, spec.outside_rth, spec.account
    order.orderRef, order.ocaGroup, order.ocaType = spec.order_ref, spec.oca_group, spec.oca_type
    order.parentId, order.transmit = spec.parent_id, spec.transmit
    if spec.trail_percent is not None:
        order.trailingPercent = float(spec.trail_percent)
    if spec.trail_stop_price is not None:
        order.trailStopPrice = float(spec.trail_stop_price)
    found = client(version)
    found.placeOrder(order_id, apple(), order)
    return found.conn.frames


@pytest.mark.parametrize("version", VERSIONS)
@settings(max_examples=60, deadline=None)
@given(order_id=st.integers(1, 2_147_483_646), spec=specs)
def test_orders_are_byte_for_byte_those_of_ibapi(version, order_id, spec):
    assert [REQUESTS[version].place(order_id, APPLE, spec)] == reference(version, order_id, spec)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_template_was_learned(version):
    REQUESTS[version].place(1, APPLE, spec())
    REQUESTS[version].cancel(1)
    assert not REQUESTS[version].fallbacks


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("order_id", [1, 127, 128, 300, 2_147_483_646])
def test_cancels_are_byte_for_byte_those_of_ibapi(version, order_id):
    found = client(version)
    found.cancelOrder(order_id, OrderCancel())
    assert [REQUESTS[version].cancel(order_id)] == found.conn.frames


def spec(**changes):
    values = {
        "action": "BUY",
        "quantity": Decimal(100),
        "order_type": "LMT",
        "limit_price": Decimal("190.25"),
        "aux_price": None,
        "tif": "GTC",
        "outside_rth": False,
        "account": "DU1",
        "order_ref": "x-1",
    }
    return OrderSpec(**{**values, **changes})


def test_quantities_have_no_exponent():
    frame = REQUESTS[178].place(1, APPLE, spec(quantity=Decimal("1E+3")))
    assert b"\x001000\x00" in frame
    assert plain(Decimal("1E-7")) == "0.0000001"


@pytest.mark.parametrize("version", VERSIONS)
def test_what_is_in_a_hurry_is_prepared(version, monkeypatch):
    requests = Requests(version)
    for kind in HURRIED:
        requests.prepare(APPLE, "DU1", False, *kind)
    assert not requests.fallbacks
    monkeypatch.setattr("engine.broker.requests.learn_order", None)  # nothing is left to learn
    level = Decimal("188.5")
    for order in (
        spec(order_type="MKT", limit_price=None, tif="DAY"),
        spec(order_type="LMT", tif="DAY"),
        spec(order_type="LMT", tif="GTC", parent_id=7),
        spec(order_type="STP", limit_price=None, aux_price=level, tif="DAY"),
        spec(order_type="STP", limit_price=None, aux_price=level, tif="GTC", oca_group="g"),
        spec(order_type="TRAIL", limit_price=None, aux_price=Decimal(2), trail_stop_price=level),
        spec(order_type="TRAIL", limit_price=None, trail_percent=Decimal("1.5")),
    ):
        assert [requests.place(9, APPLE, order)] == reference(version, 9, order)


def test_a_template_belongs_to_its_instrument_account_type_and_hours():
    requests = Requests(226)
    frames = {
        requests.place(1, instrument, order)
        for instrument in (APPLE, Instrument("MSFT", 272093))
        for order in (
            spec(),
            spec(account="DU2"),
            spec(order_type="MKT"),
            spec(tif="DAY"),
            spec(outside_rth=True),
        )
    }
    assert len(frames) == 10


@pytest.mark.parametrize("version", [178, 226])
def test_a_reference_that_cannot_be_taken_apart_keeps_encoding(version, monkeypatch):
    def refuse(*_):
        raise TemplateError("a new layout")

    monkeypatch.setattr("engine.broker.requests.learn_order", refuse)
    monkeypatch.setattr("engine.broker.requests.learn_cancel", refuse)
    requests, other = Requests(version), Instrument("NEW", 1)
    assert requests.place(9, other, spec()) == REQUESTS[version].place(9, other, spec())
    assert requests.cancel(9) == REQUESTS[version].cancel(9)
    requests.place(10, other, spec())
    assert dict(requests.fallbacks) == {"order: a new layout": 1, "cancel: a new layout": 1}


def quirky(values: OrderValues) -> bytes:
    """An encoder that writes a small order in another way: found by the proofs."""
    fields = [3, values.order_id, values.action, values.quantity]
    fields += [values.limit_price, values.aux_price]
    fields += [values.oca_group, values.oca_type, values.order_ref, values.parent_id]
    fields += [int(values.transmit), values.trail_percent, values.trail_stop_price]
    fields += ["small" if values.quantity == "1" else "round"]
    body = b"".join(str("" if field is None else field).encode() + b"\0" for field in fields)
    return len(body).to_bytes(4, "big") + body


def test_a_template_that_does_not_prove_itself_is_not_used():
    with pytest.raises(TemplateError, match="spliced bytes differ"):
        learn_order(quirky, "text")


def test_values_that_stand_in_two_fields_are_noticed():
    def twice(order_id):
        body = f"4\0{order_id}\0{order_id}\0".encode()
        return len(body).to_bytes(4, "big") + body

    with pytest.raises(TemplateError, match="2 fields"):
        learn_cancel(twice, "text")


QUESTIONS = {
    "start_api": (lambda r: r.start_api(17), 71),
    "open_orders": (lambda r: r.open_orders(), 5),
    "all_open_orders": (lambda r: r.all_open_orders(), 16),
    "executions": (lambda r: r.executions(1), 7),
    "completed_orders": (lambda r: r.completed_orders(), 99),
    "positions": (lambda r: r.positions(), 61),
    "account_updates": (lambda r: r.account_updates(True, "DU1"), 6),
    "account_summary": (lambda r: r.account_summary(1), 62),
    "cancel_account_summary": (lambda r: r.cancel_account_summary(1), 63),
    "contract_details": (lambda r: r.contract_details(1, "AAPL"), 9),
    "market_rule": (lambda r: r.market_rule(26), 91),
    "market_data": (lambda r: r.market_data(1, APPLE), 1),
    "cancel_market_data": (lambda r: r.cancel_market_data(1), 2),
    "market_data_type": (lambda r: r.market_data_type(1), 59),
    "tick_by_tick": (lambda r: r.tick_by_tick(1, APPLE), 97),
    "cancel_tick_by_tick": (lambda r: r.cancel_tick_by_tick(1), 98),
    "historical_bars": (lambda r: r.historical_bars(1, APPLE, "2 D", "1 min"), 20),
}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("question", QUESTIONS)
def test_every_question_is_one_frame_of_its_message(version, question):
    ask, message = QUESTIONS[question]
    frame = ask(REQUESTS[version])
    assert int.from_bytes(frame[:4], "big") == len(frame) - 4
    if version >= 201:
        assert int.from_bytes(frame[4:8], "big") in (message, message + 200)
    else:
        assert frame[4:].startswith(f"{message}\0".encode())


@pytest.mark.parametrize(("version", "message"), [(178, 49), (196, 49), (197, 105), (226, 305)])
def test_the_time_is_asked_in_milliseconds_where_that_is_known(version, message):
    frame = Requests(version).current_time
    found = frame[4:].split(b"\0")[0] if version < 201 else str(int.from_bytes(frame[4:8], "big"))
    assert int(found) == message


def test_what_ibapi_will_not_send_is_a_users_error():
    with pytest.raises(UserError, match="server version 178"):
        REQUESTS[178].contract_details(1, "caf\u00e9")


def test_a_missing_ibapi_names_both_ways_to_install_it(monkeypatch):
    library.load.cache_clear()
    real = builtins.__import__

    def absent(module, *rest):
        if module.startswith("ibapi"):
            raise ImportError("No module named 'ibapi'")
        return real(module, *rest)

    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(ConfigError, match=r"pip install 'ibapi-latest.*TWS API download"):
        library.load()


def test_an_old_ibapi_is_refused(monkeypatch):
    library.load.cache_clear()
    monkeypatch.setattr(sys.modules["ibapi.server_versions"], "MAX_CLIENT_VER", 176)
    with pytest.raises(ConfigError, match="speaks up to server version 176, needed is 187"):
        library.load()
