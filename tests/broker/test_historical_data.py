"""Historical bars read in bulk: what ibapi's decoder reads, and refuses, of the same bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ibapi.protobuf.HistoricalData_pb2 import HistoricalData

from engine.broker import inbound as module
from engine.broker.historical_data import protobuf_bars, text_bars
from engine.broker.history import bars_array
from engine.broker.inbound import BarsEnded, BarsReceived, Inbound
from engine.errors import DecodeError

VERSIONS = (176, 195, 196, 212, 226)
S = 1_000_000_000
PLAIN_OR_NOT = (
    b"100 100.25 -1 -1.0 0 .5 5. 007 1e5 1E-7 - . 1.2.3 1-2 --1 nan NaN12 sNaN Infinity -inf 1_0 "
    b"2147483647 9223372036854775807 -9223372036854775808 1.7976931348623157E308 0x10 abc "
    b"1e999999999999999999999"
)
NUMBERS = st.sampled_from(
    [*PLAIN_OR_NOT.split(), b"", b" 7 ", b"9" * 30, b"9" * 400, b"\xff", b"\xd9\xa1"]
)
DATES = st.sampled_from(
    [b"1767623400", b"20260105", b"20260105 09:30:00 US/Eastern", b"", b"-1", b"\xff", b"9" * 40]
)
BARS = st.lists(st.tuples(DATES, *[NUMBERS] * 7), max_size=3)
PLAIN = (b"1767623400", b"100.0", b"101.5", b"99.25", b"100.5", b"1200", b"100.1", b"17")


@pytest.fixture(scope="module")
def readers():
    return {version: Inbound(version) for version in VERSIONS}


def said(inbound, message):
    """Every bar that was read, and the end if it was told; or what is wrong."""
    try:
        found = inbound.inputs(message, 1)
    except DecodeError as problem:
        return repr(problem)
    bars = [
        (one.request_id, bar) for one in found if isinstance(one, BarsReceived) for bar in one.bars
    ]
    assert {type(one) for one in found} <= {BarsReceived, BarsEnded}
    return repr((bars, [one for one in found if isinstance(one, BarsEnded)]))


def by_ibapi(inbound, message):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "text_bars", lambda body, version: None)
        patch.setattr(module, "protobuf_bars", lambda message: None)
        return said(inbound, message)


def body_of(version, request_id, count, bars):
    period = [b"20260105 09:30:00 US/Eastern", b""] if version < 196 else []
    cells = [cell for bar in bars for cell in bar]
    return b"".join(field + b"\0" for field in [request_id, *period, count, *cells])


@pytest.mark.parametrize("version", VERSIONS)
def test_plain_bars_are_read_in_bulk_as_ibapi_reads_them(readers, version):
    body = body_of(version, b"5", b"3", [PLAIN, PLAIN, PLAIN])
    found = text_bars(body, version)
    assert found == (5, [("1767623400", 100.0, 101.5, 99.25, 100.5, 1200.0, 17)] * 3)
    message = ("cold", 17, False, body)
    assert said(readers[version], message) == by_ibapi(readers[version], message)
    assert ("BarsEnded" in said(readers[version], message)) == (version < 196)


@given(
    version=st.sampled_from(VERSIONS),
    request_id=st.one_of(st.just(b"5"), NUMBERS),
    more=st.sampled_from([0, 1, -1, -4, 10**9]),
    bars=BARS,
    cut=st.integers(min_value=0, max_value=40),
)
def test_whatever_comes_is_read_or_refused_as_by_ibapi(
    readers, version, request_id, more, bars, cut
):
    count = str(min(len(bars) + more, len(bars) + 1000)).encode()
    body = body_of(version, request_id, count, bars)
    for damaged in (body, body[: len(body) - cut], body + b"7\0"):
        message = ("cold", 17, False, damaged)
        assert said(readers[version], message) == by_ibapi(readers[version], message)


@given(
    version=st.sampled_from(VERSIONS),
    at=st.integers(min_value=0, max_value=200),
    byte=st.integers(min_value=0, max_value=255),
)
def test_a_damaged_byte_is_read_or_refused_as_by_ibapi(readers, version, at, byte):
    body = bytearray(body_of(version, b"5", b"2", [PLAIN, PLAIN]))
    body[at % len(body)] = byte
    message = ("cold", 17, False, bytes(body))
    assert said(readers[version], message) == by_ibapi(readers[version], message)


def protobuf(bars):
    message = HistoricalData(reqId=5)
    for date, volume, average in bars:
        bar = message.historicalDataBars.add(date=date, open=1.0, high=2.0, low=0.5, barCount=3)
        if volume is not None:
            bar.volume = volume
        if average is not None:
            bar.WAP = average
    return message


TEXTS = st.one_of(
    st.none(), st.sampled_from(["100", "2147483647", "1e3", "", "-1", "NaN", "x", "1.2.3"])
)


@given(
    bars=st.lists(st.tuples(st.sampled_from(["1767623400", "", "soon"]), TEXTS, TEXTS), max_size=3),
    at=st.none() | st.integers(min_value=0, max_value=120),
    byte=st.integers(min_value=0, max_value=255),
)
def test_protobuf_is_read_or_refused_as_by_ibapi(readers, bars, at, byte):
    body = bytearray(protobuf(bars).SerializeToString())
    if at is not None:
        body[at % len(body)] = byte
    message = ("cold", 17, True, bytes(body))
    assert said(readers[226], message) == by_ibapi(readers[226], message)


def test_plain_protobuf_is_read_in_bulk():
    found = protobuf_bars(protobuf([("1767623400", "100", "1.5"), ("1767623460", "2.5", "-1")]))
    assert found == (
        5,
        [("1767623400", 1.0, 2.0, 0.5, 0.0, 100.0, 3), ("1767623460", 1.0, 2.0, 0.5, 0.0, 2.5, 3)],
    )
    assert protobuf_bars(HistoricalData()) is None
    assert protobuf_bars(protobuf([("1767623400", None, "1.5")])) is None


@given(bars=BARS)
def test_no_bars_end_the_engine(readers, bars):
    """They can be used, or are refused as unreadable; nothing else leaves the reader."""
    body = body_of(226, b"5", str(len(bars)).encode(), bars)
    try:
        found = readers[226].inputs(("cold", 17, False, body), 1)
        bars_array([bar for one in found for bar in one.bars], 60, 1_800_000_000 * S)
    except DecodeError:
        pass
