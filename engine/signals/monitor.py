"""Polling a prediction API: each ticker by itself, so that a slow one delays nobody.

    GET {url}/prediction/latest?ticker=T        X-API-Key: …        If-None-Match: …

One thread with an event loop, one task a ticker. A task waits for its turn, asks, and hands in
what it got; what went wrong only makes its own pauses longer. Two things concern all tickers,
because they belong to the key: being told to wait (429 and the X-RateLimit headers), and a key
that is refused.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Final, NoReturn, Self

import attrs
import httpx

from engine.errors import ConfigError, LimitError
from engine.loggers import logger
from engine.signals.envelope import ANSWER_BYTES_MAX, ApiError, error_in, prediction_in
from engine.signals.intake import Freshness, Intake, Sink
from engine.signals.keys import api_key, api_url
from engine.signals.quota import Quota
from engine.signals.rates import Backoff
from engine.signals.schema import RefusalReason, SignalRefusedError, printable, refuse
from engine.sources import KEY_VARIABLE, Polling
from engine.version import VERSION

LOG: Final = logger("engine.signals.monitor")

KEY_REFUSED_PAUSE_S: Final = 300.0  # nothing changes before a person has mended the key
OUTAGE_FAILURES: Final = 3  # in a row, of one ticker; then a person is told
NOT_READY_PAUSE_S: Final = 0.2
ETAG_CHARS_MAX: Final = 256
SAID_MAX: Final = 100
END_TIMEOUT_S: Final = 5.0
DEFECT: Final = "a defect of the monitor; see the log"


@attrs.define
class TickerCounts:
    """What polling one ticker came to so far."""

    polls: int = 0
    predictions: int = 0  # taken
    repeats: int = 0  # the same as before, or 304
    refusals: int = 0  # not taken; the same one again counts again
    limited: int = 0  # told to wait
    errors: int = 0  # no prediction came
    last_latency_s: float = 0.0
    last_error: str = ""


@attrs.define
class _Ticker:
    name: str
    backoff: Backoff
    counts: TickerCounts = attrs.field(factory=TickerCounts)
    etag: str = ""  # of the answer that was dealt with last
    key_refused: bool = False


@attrs.frozen
class _Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


class _PollError(Exception):
    """No prediction came. ``pause_s``: wait at least so long; ``plain``: a person must act."""

    def __init__(self, words: str, pause_s: float = 0.0, plain: bool = False) -> None:
        super().__init__(words)
        self.pause_s = pause_s
        self.plain = plain


class OptionsFlowMonitor:
    """Predictions of an HTTP API, each handed in exactly once.

    Args:
        settings: what to ask, where and how often; ``tickers`` must not be empty.
        sink: gets every Signal and SignalRefused: the inbox of an engine, or any function.
        freshness: shared with the other ways in; alone, five minutes by this machine's clock.
        ready: nothing is asked while it says no.
        chance: for jitter.
        environment: in place of the process's own.

    Raises:
        ConfigError: no URL, no tickers, or a key that cannot be used.
    """

    def __init__(
        self,
        settings: Polling,
        sink: Sink,
        *,
        freshness: Freshness | None = None,
        ready: Callable[[], bool] = lambda: True,
        chance: random.Random | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        if not settings.tickers:
            raise ConfigError("signals.poll.tickers: name at least one")
        self.settings: Final = settings
        self.intake: Final = Intake(sink, settings.tickers, freshness)
        self._url = api_url(settings, environment) + "/prediction/latest"
        self._key = api_key(settings, environment)
        self._environment = environment
        self._ready = ready
        self._chance = chance or random.Random()
        self._quota = Quota()
        self._tickers = [
            _Ticker(name, Backoff(settings.retry_first_s, settings.retry_max_s, self._chance))
            for name in settings.tickers
        ]
        self._said: set[str] = set()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._end = asyncio.Event()
        self._begun = threading.Event()

    def counts(self) -> dict[str, TickerCounts]:
        """By ticker, as they are now."""
        return {one.name: attrs.evolve(one.counts) for one in self._tickers}

    # -- life ----------------------------------------------------------------------------------

    def start(self) -> Self:
        """Poll in the background.

        Raises:
            ConfigError: the certificates that the environment names cannot be read.
        """
        assert self._thread is None, "a monitor starts once; build another"
        client = self._client()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._main(client)), name="signals-poll", daemon=True
        )
        self._thread.start()
        self._begun.wait(END_TIMEOUT_S)
        return self

    def stop(self) -> None:
        """End all polls, also those that wait for an answer."""
        if self._thread is None:
            return
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # it has ended by itself
                self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(END_TIMEOUT_S)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.stop()

    def _client(self) -> httpx.AsyncClient:
        try:
            certificates = httpx.create_ssl_context()
        except (OSError, ssl.SSLError) as problem:
            raise ConfigError(f"signals.poll: certificates cannot be read: {problem}") from None
        return httpx.AsyncClient(
            verify=certificates,
            headers={
                "User-Agent": f"statechart-order-engine/{VERSION}",
                "Accept": "application/json",
                # A compressed answer has no bound that could be known before it is unpacked.
                "Accept-Encoding": "identity",
            },
            timeout=self.settings.timeout_s,
            limits=httpx.Limits(  # a connection for each, or one that is slow would delay others
                max_connections=None, max_keepalive_connections=len(self._tickers)
            ),
            follow_redirects=False,  # the key is meant for this address and no other
            trust_env=False,  # nor for a proxy that happens to be in the environment
        )

    async def _main(self, client: httpx.AsyncClient) -> None:
        self._loop = asyncio.get_running_loop()
        self._begun.set()
        async with client:
            spread_s = self.settings.interval_s / len(self._tickers)
            tasks = [
                asyncio.create_task(self._follow(one, client, index * spread_s))
                for index, one in enumerate(self._tickers)
            ]
            await self._end.wait()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    # -- one ticker ----------------------------------------------------------------------------

    async def _follow(self, one: _Ticker, client: httpx.AsyncClient, offset_s: float) -> None:
        clock_s = asyncio.get_running_loop().time
        await self._turn()
        await asyncio.sleep(offset_s)
        while True:
            await self._turn()
            began_s = clock_s()
            pause_s = await self._once(one, client)
            if pause_s is None:
                spacing_s = self._quota.spacing_s(clock_s(), len(self._tickers))
                pause_s = max(self.settings.interval_s, spacing_s) - (clock_s() - began_s)
            await asyncio.sleep(max(pause_s, 0.0))

    async def _once(self, one: _Ticker, client: httpx.AsyncClient) -> float | None:
        """Ask once, whatever comes of it; how long to wait if that was an error."""
        try:
            await self._poll(one, client)
        except _PollError as problem:
            return self._failed(one, problem)
        except Exception:  # a defect of ours must not end the polling of a ticker in silence
            LOG.exception("polling %s", one.name)
            return self._failed(one, _PollError(DEFECT))
        self._worked(one)
        return None

    async def _turn(self) -> None:
        """Until the engine takes signals and the API's quota allows to ask."""
        clock_s = asyncio.get_running_loop().time
        while True:
            wait_s = self._quota.wait_s(clock_s())
            if wait_s > 0:
                # Who waited for the same moment must not ask in the same moment.
                wait_s += self._chance.uniform(0.0, min(self.settings.interval_s, wait_s))
            elif not self._ready():
                wait_s = NOT_READY_PAUSE_S
            else:
                return
            await asyncio.sleep(wait_s)

    async def _poll(self, one: _Ticker, client: httpx.AsyncClient) -> None:
        """Ask once.

        Raises:
            _PollError: no prediction came, whatever the reason.
        """
        one.counts.polls += 1
        if one.key_refused:
            self._read_key_again()
        began_s = time.monotonic()
        try:
            async with asyncio.timeout(self.settings.timeout_s):
                answer = await self._ask(one, client)
        except (TimeoutError, httpx.TimeoutException):
            raise _PollError(f"no answer in {self.settings.timeout_s:g} s") from None
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as problem:
            raise _PollError(_words(problem)) from None
        except SignalRefusedError as refusal:
            self._refuse(one, refusal)
            return
        finally:
            one.counts.last_latency_s = time.monotonic() - began_s
        pause_s = self._quota.note(
            answer.status, answer.headers, asyncio.get_running_loop().time(), time.time()
        )
        if answer.status == 200:
            self._take(one, answer)
        elif answer.status == 304 and one.etag:
            one.counts.repeats += 1
        else:
            self._raise(one, answer, pause_s or 0.0)

    async def _ask(self, one: _Ticker, client: httpx.AsyncClient) -> _Answer:
        headers: dict[str, str | bytes] = {}
        if self._key is not None:
            headers["X-API-Key"] = self._key.reveal()
        if one.etag:
            headers["If-None-Match"] = one.etag
        request = client.build_request(
            "GET",
            self._url,
            params={"ticker": one.name},
            headers=headers,  # type: ignore[arg-type]  # either is allowed in any place
        )
        response = await client.send(request, stream=True)
        try:
            coding = response.headers.get("content-encoding", "identity")
            if coding != "identity":
                raise _PollError("the answer is compressed, which was not asked for")
            body = bytearray()
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > ANSWER_BYTES_MAX:
                    raise refuse(RefusalReason.TOO_LARGE, f"more than {ANSWER_BYTES_MAX} bytes")
            return _Answer(response.status_code, response.headers, bytes(body))
        finally:
            await response.aclose()

    def _take(self, one: _Ticker, answer: _Answer) -> None:
        try:
            prediction = prediction_in(answer.body)
            offer = self.intake.offer(prediction, self.settings.source, one.name)
        except ApiError as problem:
            raise _PollError(f"the API says {problem}") from None
        except SignalRefusedError as refusal:
            self._refuse(one, refusal)
            return
        except LimitError as problem:
            raise _PollError(f"not taken: {problem}") from None
        if offer.refusal is not None:
            one.counts.refusals += 1
            one.etag = ""  # it may be taken later: one that is ahead of its time, for instance
            return
        if offer.repeat:
            one.counts.repeats += 1
        else:
            one.counts.predictions += 1
        etag = answer.headers.get("etag", "")
        one.etag = etag if len(etag) <= ETAG_CHARS_MAX and etag.isascii() else ""

    def _refuse(self, one: _Ticker, refusal: SignalRefusedError) -> None:
        """An answer that has no prediction where one should be."""
        refusal.ticker = one.name
        self.intake.refuse(refusal, self.settings.source)
        one.counts.refusals += 1
        one.etag = ""

    def _raise(self, one: _Ticker, answer: _Answer, pause_s: float) -> NoReturn:
        said = error_in(answer.body)
        words = f"HTTP {answer.status}" + (f", {said}" if said else "")
        if answer.status in (401, 403):
            one.key_refused = True
            raise _PollError(f"{words}: {self._mend()}", KEY_REFUSED_PAUSE_S, plain=True)
        if answer.status == 429:
            one.counts.limited += 1
            raise _PollError(f"{words}: asked too often; raise signals.poll.interval_s", pause_s)
        if answer.status in (301, 302, 303, 307, 308):
            words += ": redirects are not followed; put the right address into signals.poll.url"
        raise _PollError(words, pause_s)

    # -- what went wrong -----------------------------------------------------------------------

    def _failed(self, one: _Ticker, problem: _PollError) -> float:
        """Count it, tell a person if need be; how long to wait."""
        one.counts.errors += 1
        one.counts.last_error = words = str(problem)
        pause_s = one.backoff.failed()
        if problem.plain or one.backoff.failures == OUTAGE_FAILURES:
            self._say(words, f"polling {one.name}: {words}")
        return max(pause_s, problem.pause_s)

    def _worked(self, one: _Ticker) -> None:
        if one.backoff.failures >= OUTAGE_FAILURES or one.key_refused:
            self._said.clear()
            LOG.info("polling %s works again", one.name)
        one.key_refused = False
        one.backoff.worked()

    def _say(self, words: str, text: str) -> None:
        """Once, not once a ticker, until something has worked again."""
        if words in self._said or len(self._said) >= SAID_MAX:
            return
        self._said.add(words)
        LOG.error("%s", text)

    def _mend(self) -> str:
        place = self.settings.key_file or KEY_VARIABLE
        if self._key is None:
            return f"the API wants a key; put it into {place}"
        return f"the API refuses the key; put the right one into {place}"

    def _read_key_again(self) -> None:
        """A person may have mended it meanwhile."""
        try:
            self._key = api_key(self.settings, self._environment)
        except ConfigError as problem:
            raise _PollError(str(problem), KEY_REFUSED_PAUSE_S, plain=True) from None


def _words(problem: Exception) -> str:
    """What happened on the line. The text of other errors might quote what we sent."""
    kind = type(problem).__name__
    if isinstance(problem, httpx.NetworkError | httpx.RemoteProtocolError):
        return printable(f"{kind}: {problem}")[:200]
    return kind
