"""A prediction API to try the monitor with: made-up predictions in the real envelope.

A prediction holds for a period of its clock; asked again within it, it is the same, with the same
ETag. The same seed gives the same predictions. What can go wrong with such an API can be asked
for, ticker by ticker.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final, Self

import attrs
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from engine.errors import UserError
from engine.redaction import Secret
from engine.signals.http_server import HttpServer

HOST: Final = "127.0.0.1"
PERIOD_S: Final = 30.0
WINDOW_S: Final = 60.0  # of the rate limit
LIMIT: Final = 600  # requests in a window
SLOW_S: Final = 5.0
SLICE_S: Final = 0.05
CONNECTIONS_MAX: Final = 256
MODEL: Final = {"name": "demonstration", "version": "1"}
KINDS: Final = ("BUY", "BUY", "SHORT", "SELL", "NEUTRAL")
NUMERIC: Final = {"BUY": 1, "SELL": -1, "SHORT": -1, "NEUTRAL": 0}
FAULTS: Final = (
    *("slow", "401", "403", "404", "429", "500", "redirect", "error", "malformed", "huge"),
    *("compressed", "other", "null"),
)
ALL: Final = "*"


@attrs.define
class Fault:
    """``kind`` for the next ``times`` requests of a ticker; None: for all of them."""

    kind: str
    times: int | None = None

    @classmethod
    def parse(cls, word: str) -> tuple[str, Fault]:
        """``TICKER=KIND`` or ``TICKER=KIND:TIMES``; ``*`` is every ticker.

        Raises:
            UserError: it is neither.
        """
        ticker, equals, what = word.partition("=")
        kind, colon, times = what.partition(":")
        if not ticker or not equals or kind not in FAULTS or (colon and not times.isdecimal()):
            known = ", ".join(FAULTS)
            raise UserError(f"fault {word!r}: write TICKER=KIND or TICKER=KIND:TIMES of {known}")
        return ticker, cls(kind, int(times) if colon else None)


class DemoApi:
    """Serves ``GET /prediction/latest?ticker=T`` on loopback, in a thread of its own.

    Args:
        tickers: those it knows; others are answered 404.
        seed: of the predictions.
        key: what X-API-Key must be; None: nothing is asked for.
        port: 0 takes a free one.
        period_s: how long a prediction holds, in seconds of its clock.
        limit: requests in a minute, before it answers 429.
        faults: by ticker.
        now_ns: its clock; that of an exchange, for predictions that a simulator trades on.

    Raises:
        UserError: the port is in use.
    """

    def __init__(
        self,
        tickers: Sequence[str],
        *,
        seed: int = 1,
        key: Secret | None = None,
        port: int = 0,
        period_s: float = PERIOD_S,
        limit: int = LIMIT,
        faults: Sequence[tuple[str, Fault]] = (),
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self.faults: Final = dict(faults)
        self.requests: Final[Counter[str]] = Counter()  # by ticker
        self._tickers = frozenset(tickers)
        self._seed = seed
        self._key = key
        self._period_ns = max(int(period_s * 1e9), 1_000_000)
        self._limit = limit
        self._now_ns = now_ns
        self._window: tuple[float, int] = (0.0, 0)  # when it began, requests in it
        self._ending = False
        routes = [Route("/prediction/latest", self._latest, methods=["GET"])]
        self._server = HttpServer(
            Starlette(routes=routes), HOST, port, "demo-api", connections_max=CONNECTIONS_MAX
        )
        self._server.listen()

    @property
    def port(self) -> int:
        return self._server.port

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def start(self) -> Self:
        self._server.start()
        return self

    def stop(self) -> None:
        self._ending = True
        self._server.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.stop()

    def prediction(self, ticker: str, time_ns: int) -> dict[str, Any]:
        """What holds for a ticker at a time."""
        return prediction(ticker, time_ns, self._seed, self._period_ns)

    # -- answering -----------------------------------------------------------------------------

    async def _latest(self, request: Request) -> Response:
        ticker = request.query_params.get("ticker", "")
        self.requests[ticker] += 1
        quota, headers = self._quota()
        fault = self._fault(ticker)
        if fault is not None:
            spoilt = await self._spoilt(fault, ticker, headers)
            if spoilt is not None:
                return spoilt
        if self._key is not None and not hmac.compare_digest(
            request.headers.get("x-api-key", "").encode(), self._key.reveal()
        ):
            return _error(401, "INVALID_KEY", "the key is missing or wrong", headers)
        if not quota:
            return _limited(headers)
        if ticker not in self._tickers:
            return _error(404, "UNKNOWN_TICKER", "no model for this ticker", headers)
        made = self.prediction(ticker, self._now_ns())
        etag = f'"{self._seed}-{made["timestamp"]}"'
        headers["ETag"] = etag
        if request.headers.get("if-none-match") == etag:
            return Response(status_code=304, headers=headers)
        return _success(made, headers)

    def _quota(self) -> tuple[bool, dict[str, str]]:
        """Whether this request is within the limit, and the headers that say how things are."""
        now_s = time.monotonic()
        began_s, count = self._window
        if now_s - began_s >= WINDOW_S:
            began_s, count = now_s, 0
        count += 1
        self._window = (began_s, count)
        reset_s = max(int(began_s + WINDOW_S - now_s) + 1, 1)
        return count <= self._limit, {
            "X-RateLimit-Limit": str(self._limit),
            "X-RateLimit-Remaining": str(max(self._limit - count, 0)),
            "X-RateLimit-Reset": str(reset_s),
        }

    def _fault(self, ticker: str) -> str | None:
        fault = self.faults.get(ticker) or self.faults.get(ALL)
        if fault is None or fault.times == 0:
            return None
        if fault.times is not None:
            fault.times -= 1
        return fault.kind

    async def _spoilt(self, kind: str, ticker: str, headers: dict[str, str]) -> Response | None:
        """The answer as a fault makes it; None: late, but in order."""
        made = self.prediction(ticker, self._now_ns())
        if kind == "slow":
            until_s = time.monotonic() + SLOW_S
            while time.monotonic() < until_s and not self._ending:
                await asyncio.sleep(SLICE_S)
            return None
        if kind == "429":
            return _limited({**headers, "Retry-After": "1", "X-RateLimit-Remaining": "0"})
        if kind == "redirect":
            return Response(status_code=302, headers={"Location": "/elsewhere"})
        if kind == "error":
            return _error(200, "MODEL_UNAVAILABLE", "the model is being trained", headers)
        if kind == "malformed":
            return Response(b'{"status": "success", "data": {"prediction": ')
        if kind == "huge":
            return _success({**made, "feature_values": ["x" * 100] * 10_000}, headers)
        if kind == "compressed":
            return Response(b"\x1f\x8b", headers={"Content-Encoding": "gzip"})
        if kind == "other":
            other = next((one for one in sorted(self._tickers) if one != ticker), "OTHER")
            return _success({**made, "ticker": other}, headers)
        if kind == "null":
            return JSONResponse({"status": "success", "data": {"prediction": None}})
        return _error(int(kind), "FAULT", f"as it was asked for: {kind}", headers)


def prediction(ticker: str, time_ns: int, seed: int, period_ns: int) -> dict[str, Any]:
    """What holds for a ticker at a time; the same for the same seed, throughout its period."""
    period = time_ns // period_ns
    model_ns = period * period_ns
    chance = random.Random(f"prediction/{seed}/{ticker}/{period}")
    signal = chance.choice(KINDS)
    confidence = round(chance.uniform(0.3, 0.98), 3)
    rest = round((1.0 - confidence) / 3, 4)
    return {
        "ticker": ticker,
        "signal": signal,
        "numeric": NUMERIC[signal],
        "confidence": confidence,
        "probabilities": {kind: confidence if kind == signal else rest for kind in sorted(NUMERIC)},
        "timestamp": model_ns // 1_000_000,
        "datetime_of_data": datetime.fromtimestamp(model_ns / 1e9, UTC).isoformat(),
        "stock_price": round(chance.uniform(20.0, 400.0), 2),
        "feature_values": {"call_put_ratio": round(chance.uniform(0.2, 3.0), 3)},
        "prediction_time": datetime.fromtimestamp(time_ns / 1e9, UTC).isoformat(),
    }


def _success(made: dict[str, Any], headers: dict[str, str]) -> Response:
    body = {"status": "success", "data": {"prediction": made, "model_info": MODEL}}
    return Response(json.dumps(body), media_type="application/json", headers=headers)


def _error(status: int, code: str, message: str, headers: dict[str, str]) -> Response:
    body = {"status": "error", "error": code.lower(), "code": code, "message": message}
    return JSONResponse(body, status_code=status, headers=headers)


def _limited(headers: dict[str, str]) -> Response:
    told = {"Retry-After": headers["X-RateLimit-Reset"], **headers}
    return _error(429, "RATE_LIMITED", "too many requests", told)
