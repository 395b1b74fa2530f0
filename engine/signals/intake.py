"""What every way in does with what it is given: one schema, one identity, one freshness rule.

    offered -> schema -> age -> order -> not taken before -> sink
                  └────────┴───────┴── refused: on record, each once

The sink is the engine's inbox, or whatever a host gives. A way in has an intake of its own, used
by its own thread alone; what they share is the ``Freshness``.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, Final, Protocol

import attrs

from engine.errors import LimitError
from engine.inputs import Signal, SignalRefused
from engine.signals.rates import TokenBucket
from engine.signals.schema import (
    RefusalReason,
    SignalRefusedError,
    check_age,
    check_signal,
    identity_parts,
    load_json,
    refuse,
    show,
)

# The future, if there is one, is done when what was handed in is durable. A full sink raises
# LimitError at once.
Sink = Callable[[Signal | SignalRefused], "Future[Any] | None"]
# The same for several, with nothing between them; all of them or none.
Together = Callable[[Sequence[Signal]], "Sequence[Future[Any] | None]"]

SEEN_MAX: Final = 10_000  # identities; one that was forgotten is refused by the core, on record
MAX_AGE_NS: Final = 300_000_000_000
TOLD_MAX: Final = 10_000  # refusals
REMIND_S: Final = 3_600.0  # a refusal that goes on is recorded again after this
RECORDS_PER_S: Final = 0.5  # of refusals: a source gone mad must not fill the journal
RECORDS_BURST: Final = 100
_MARKS: Final = ("timestamp", "datetime_of_data", "signal", "confidence")


class Freshness:
    """How old a prediction may be, and that none is followed by an older one.

    A source that gives SELL for 10:05 and then, late, BUY for 10:04 has changed its mind; acting
    on the latter would undo the former. ``recall`` tells what went before a restart.
    """

    def __init__(
        self, max_age_ns: int = MAX_AGE_NS, now_ns: Callable[[], int] = time.time_ns
    ) -> None:
        self.max_age_ns: Final = max_age_ns
        self.now_ns: Final = now_ns
        self._newest: dict[tuple[str, str], int] = {}
        self._recalled: frozenset[str] = frozenset()
        self._lock = threading.Lock()

    def recall(self, identities: Iterable[str]) -> None:
        """The journal's, of the runs before: what is older than the newest of them is late now,
        too. One of these themselves is no news, and left to the core, which has it on record."""
        self._recalled = frozenset(identities)
        for source, ticker, time_ns, _ in filter(None, map(identity_parts, self._recalled)):
            key = (source, ticker)
            self._newest[key] = max(self._newest.get(key, 0), time_ns)

    def pass_on(
        self, signals: Sequence[Signal], together: Together
    ) -> list[Future[Any] | SignalRefusedError | None]:
        """Hand signals in, but for those before which a newer one of their source and ticker went;
        what came of each.

        Raises:
            LimitError: the sink is full; nothing has happened.
        """
        outcomes: list[Future[Any] | SignalRefusedError | None] = []
        newest: dict[tuple[str, str], int] = {}
        passed: list[Signal] = []
        with self._lock:  # over the sink, too: checked in order must mean handed in in order
            for signal in signals:
                if signal.identity not in self._recalled:
                    key = (signal.source, signal.ticker)
                    newest_ns = newest.get(key) or self._newest.get(key, 0)
                    if signal.model_time_ns < newest_ns:
                        outcomes.append(_late(signal, newest_ns))
                        continue
                    newest[key] = signal.model_time_ns
                outcomes.append(None)
                passed.append(signal)
            answers = iter(together(passed) if passed else ())
            self._newest.update(newest)
        return [one if one is not None else next(answers) for one in outcomes]


def _late(signal: Signal, newest_ns: int) -> SignalRefusedError:
    late_s = (newest_ns - signal.model_time_ns) / 1e9
    detail = f"{late_s:.3f} s older than one that came before"
    return SignalRefusedError(RefusalReason.OUT_OF_ORDER, detail, signal.ticker)


class Lane(Protocol):
    """Where an engine takes what comes from outside: a sink that also takes several together, and
    tells a person what is wrong with a way in."""

    def __call__(self, content: Signal | SignalRefused) -> Future[Any] | None: ...

    def together(self, contents: Sequence[Signal]) -> Sequence[Future[Any] | None]: ...

    def warn(self, text: str) -> None: ...


@attrs.frozen
class Checked:
    """A prediction that fits the schema, or why it does not. ``mark`` tells one from the next, and
    is the same however often the same one comes."""

    source: str
    mark: str
    signal: Signal | None = None
    refusal: SignalRefusedError | None = None


def checked(data: object, source: str, symbols: Collection[str], ticker: str = "") -> Checked:
    """Judge a prediction, as a mapping or as the bytes of its JSON, by all but its time and turn;
    ``ticker`` is the one that was asked for, "" any that is traded."""
    given = data
    try:
        if isinstance(data, bytes):
            data = load_json(data)
        _check_ticker(data, ticker)
        return Checked(source, _mark(data, given), check_signal(data, source, symbols))
    except SignalRefusedError as refusal:
        refusal.ticker = refusal.ticker or ticker
        return Checked(source, _mark(data, given), refusal=refusal)


@attrs.frozen
class Offer:
    """What became of a prediction: a signal, or a refusal. ``repeat``: it was taken before, and
    ``answer`` is that of then."""

    signal: Signal | None = None
    refusal: SignalRefusedError | None = None
    answer: Future[Any] | None = None
    repeat: bool = False


class Intake:
    def __init__(
        self,
        sink: Sink,
        symbols: Collection[str],
        freshness: Freshness | None = None,
        clock_s: Callable[[], float] = time.monotonic,
        together: Together | None = None,
    ) -> None:
        self.taken = 0
        self.repeats = 0
        self.refused: Counter[str] = Counter()  # by reason, recorded or not
        self.unrecorded = 0  # because there were too many; a refusal that goes on is not counted
        self._sink = sink
        self._together = together or (lambda signals: [sink(one) for one in signals])
        self._symbols = frozenset(symbols)
        self._freshness = freshness or Freshness()
        self._clock_s = clock_s
        self._seen: OrderedDict[str, Future[Any] | None] = OrderedDict()
        self._told: OrderedDict[tuple[str, ...], float] = OrderedDict()
        self._records = TokenBucket(RECORDS_PER_S, RECORDS_BURST)
        self._untold = 0  # since the last that was recorded

    def offer(self, data: object, source: str, ticker: str = "") -> Offer:
        """Take a prediction, as a mapping or as the bytes of its JSON, or refuse it on record.

        Args:
            data: whatever came.
            source: whose it is; part of its identity.
            ticker: the one that was asked for; "": any that is traded.

        Raises:
            LimitError: the sink is full or has closed; the same may be offered again.
        """
        return self.offer_all((checked(data, source, self._symbols, ticker),))[0]

    def offer_all(self, given: Sequence[Checked]) -> list[Offer]:
        """Take several in their order, or refuse them on record.

        Raises:
            LimitError: the sink is full or has closed; all of them may be offered again.
        """
        now_ns, max_age_ns = self._freshness.now_ns(), self._freshness.max_age_ns
        refused = [_aged(one, now_ns, max_age_ns) for one in given]
        fresh: dict[str, Signal] = {}
        for one, refusal in zip(given, refused, strict=True):
            if refusal is None and one.signal is not None and not self._known(one.signal):
                fresh.setdefault(one.signal.identity, one.signal)
        outcomes = dict(
            zip(fresh, self._freshness.pass_on([*fresh.values()], self._together), strict=True)
        )
        offers: list[Offer] = []
        for one, refusal in zip(given, refused, strict=True):
            outcome = outcomes.get(one.signal.identity) if one.signal is not None else None
            problem = outcome if isinstance(outcome, SignalRefusedError) else refusal
            if problem is not None:
                self.refuse(problem, one.source, one.mark)
                offers.append(Offer(refusal=problem))
            else:
                assert one.signal is not None
                assert not isinstance(outcome, SignalRefusedError)
                offers.append(self._taken(one.signal, outcome))
        return offers

    def _known(self, signal: Signal) -> bool:
        """Whether it was taken before, and that stands."""
        known = signal.identity in self._seen
        if known and _failed(self._seen[signal.identity]):
            del self._seen[signal.identity]
            return False
        return known

    def _taken(self, signal: Signal, answer: Future[Any] | None) -> Offer:
        if signal.identity in self._seen:
            self._seen.move_to_end(signal.identity)
            self.repeats += 1
            return Offer(signal, answer=self._seen[signal.identity], repeat=True)
        self._seen[signal.identity] = answer
        if len(self._seen) > SEEN_MAX:
            self._seen.popitem(last=False)
        self.taken += 1
        return Offer(signal, answer=answer)

    def refuse(
        self, refusal: SignalRefusedError, source: str, mark: str = "", times: int = 1
    ) -> None:
        """Count a refusal, and put it on record unless the same one is there already.

        Args:
            refusal: with its reason, detail and ticker.
            source: whose it is.
            mark: what tells one prediction from the next.
            times: how often.
        """
        self.refused[refusal.reason.value] += times
        key = (source, refusal.ticker, refusal.reason.value, mark)
        now_s = self._clock_s()
        told_s = self._told.get(key)
        if told_s is not None and now_s - told_s < REMIND_S:
            return
        if not self._records.take(now_s):
            self._miss()
            return
        record = refusal.as_input(source)
        if self._untold:
            detail = f"{record.detail} ({self._untold} more were not recorded)"
            record = attrs.evolve(record, detail=detail)
        try:
            self._sink(record)
        except LimitError:
            self._miss()
            return
        self._untold = 0
        self._told[key] = now_s
        self._told.move_to_end(key)
        if len(self._told) > TOLD_MAX:
            self._told.popitem(last=False)

    def _miss(self) -> None:
        self.unrecorded += 1
        self._untold += 1


def _failed(answer: Future[Any] | None) -> bool:
    """Whether what was handed in never became durable."""
    if answer is None or not answer.done():
        return False
    return answer.cancelled() or answer.exception() is not None


def _aged(one: Checked, now_ns: int, max_age_ns: int) -> SignalRefusedError | None:
    if one.signal is None:
        return one.refusal
    try:
        check_age(one.signal, now_ns, max_age_ns)
    except SignalRefusedError as refusal:
        return refusal
    return None


def _check_ticker(data: object, asked: str) -> None:
    named = data.get("ticker") if isinstance(data, Mapping) else None
    if asked and isinstance(named, str) and named.strip() != asked:
        raise refuse(RefusalReason.WRONG_TICKER, f"asked for {asked}, and got {show(named)}")


def _mark(data: object, given: object) -> str:
    """What tells one prediction from the next, and the same at every poll: not the whole of it,
    because an API may compute its details anew each time."""
    if isinstance(data, Mapping):
        return "|".join(show(data.get(name)) for name in _MARKS)
    return hashlib.blake2b(given, digest_size=8).hexdigest() if isinstance(given, bytes) else ""
