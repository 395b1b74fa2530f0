"""Bars of historicalData, read in bulk.

An answer has hundreds of bars of eight fields, and ibapi decodes each field by itself, through its
log. Here a message whose fields are all plain numbers becomes rows at once. Whatever is not plain
is left to ibapi: it reads it, or says what is wrong with it.
"""

from __future__ import annotations

from typing import Any, Final

Bar = tuple[str, float, float, float, float, float, int]
"""Date, open, high, low, close, volume, and how many trades."""

FIELDS: Final = 8  # of a bar: those, and behind the volume its average price
END_VERSION: Final = 196  # from here on the period stands in a message of its own
_PLAIN: Final = b"0123456789.-"
_PLAIN_TEXT: Final = dict.fromkeys(_PLAIN)
# What ibapi takes for "not set" where a volume stands; the longer ones are not plain.
_UNSET: Final = frozenset({b"2147483647", b"9223372036854775807", b"-9223372036854775808"})


def text_bars(body: bytes, server_version: int) -> tuple[int, list[Bar]] | None:
    """Request id and bars of a text message behind its number; None: it is not plain."""
    fields = body.split(b"\0")[:-1]
    begin = 2 if server_version >= END_VERSION else 4
    try:
        request_id, count = int(fields[0]), int(fields[begin - 1])
        cells = fields[begin : begin + FIELDS * count]
        if count < 0 or len(cells) < FIELDS * count or b"".join(cells).translate(None, _PLAIN):
            return None
        if not _UNSET.isdisjoint(cells[5::FIELDS]):
            return None
        prices = [list(map(float, cells[at::FIELDS])) for at in range(1, 5)]
        volumes, _ = (list(map(float, cells[at::FIELDS])) for at in (5, 6))
        counts = list(map(int, cells[7::FIELDS]))
    except (IndexError, ValueError):
        return None
    dates = [date.decode() for date in cells[::FIELDS]]
    return request_id, list(zip(dates, *prices, volumes, counts, strict=True))


def protobuf_bars(message: Any) -> tuple[int, list[Bar]] | None:
    """The same of a parsed HistoricalData."""
    if not message.HasField("reqId"):
        return None
    rows = [
        (one.date, one.open, one.high, one.low, one.close, one.volume, one.WAP, one.barCount)
        for one in message.historicalDataBars
    ]
    if "".join([row[5] + row[6] for row in rows]).translate(_PLAIN_TEXT):
        return None
    try:
        volumes, _ = ([float(row[at]) for row in rows] for at in (5, 6))
    except ValueError:
        return None
    bars = [(*row[:5], volume, row[7]) for row, volume in zip(rows, volumes, strict=True)]
    return message.reqId, bars
