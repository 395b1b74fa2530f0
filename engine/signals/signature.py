"""Who sent it, whether it is as it was sent, and whether it was sent before.

As Standard Webhooks say: HMAC-SHA256 over ``id.timestamp.body``, in three headers. The path is not
signed; each sender has keys of its own and a path of its own, so what was meant for one path is
refused at any other.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Final, Generic, TypeVar

import attrs

from engine.errors import LimitError
from engine.redaction import Secret
from engine.signals.schema import RefusalReason, SignalRefusedError, refuse

ID_HEADER: Final = "webhook-id"
TIME_HEADER: Final = "webhook-timestamp"
SIGNATURE_HEADER: Final = "webhook-signature"
WINDOW_S: Final = 300  # between the sender's clock and ours, both ways
# A timestamp that is 300 s ahead stays good for 600 s; ids are kept a little longer.
KEPT_S: Final = 2 * WINDOW_S + 60
IDS_MAX: Final = 100_000
SIGNATURES_MAX: Final = 8  # in one header: a sender changes keys, too
# Without a full stop, because that is what separates the parts that are signed.
_ID: Final = re.compile(r"[!-\-/-~]{1,128}", re.ASCII)
_TIME: Final = re.compile(r"\d{1,12}", re.ASCII)

T = TypeVar("T")


@attrs.frozen
class Message:
    """``message_id`` is the same in each attempt to deliver it, ``timestamp_s`` is not."""

    message_id: str
    timestamp_s: int


def sign(key: bytes, message_id: str, timestamp_s: int, body: bytes) -> str:
    """One signature, as it stands in the header."""
    return "v1," + base64.b64encode(_digest(key, message_id, str(timestamp_s), body)).decode()


def check(keys: Sequence[Secret], headers: Mapping[str, str], body: bytes, now_s: float) -> Message:
    """Whether one of the keys has signed this, and lately.

    Raises:
        SignalError: with the reason ``unauthorised`` and what is wrong, in words that help an
            honest sender and tell nobody else anything.
    """
    message_id = headers.get(ID_HEADER, "")
    timestamp = headers.get(TIME_HEADER, "")
    given = headers.get(SIGNATURE_HEADER, "")
    if not _ID.fullmatch(message_id):
        raise _unauthorised(f"{ID_HEADER} is not 1 to 128 printable characters without a full stop")
    if not _TIME.fullmatch(timestamp):
        raise _unauthorised(f"{TIME_HEADER} is not in seconds since 1970")
    if not _signed(keys, message_id, timestamp, body, given):
        raise _unauthorised(f"no v1 signature in {SIGNATURE_HEADER} is by a key of this sender")
    off_s = int(timestamp) - now_s
    if abs(off_s) > WINDOW_S:
        raise _unauthorised(f"{TIME_HEADER} is {off_s:+.0f} s from now, at most {WINDOW_S} s is")
    return Message(message_id, int(timestamp))


def _signed(
    keys: Sequence[Secret], message_id: str, timestamp: str, body: bytes, given: str
) -> bool:
    good = [base64.b64encode(_digest(key.reveal(), message_id, timestamp, body)) for key in keys]
    found = False
    for word in given.split(" ")[:SIGNATURES_MAX]:
        version, _, signature = word.partition(",")
        if version != "v1":
            continue  # of a later version; the sender adds one that we know
        for one in good:  # each of them, in any case: the time taken must not tell which is near
            found |= hmac.compare_digest(one, signature.encode("utf-8", "surrogateescape"))
    return found


def _digest(key: bytes, message_id: str, timestamp: str, body: bytes) -> bytes:
    return hmac.digest(key, f"{message_id}.{timestamp}.".encode() + body, "sha256")


def _unauthorised(detail: str) -> SignalRefusedError:
    return refuse(RefusalReason.UNAUTHORISED, detail)


class Deliveries(Generic[T]):
    """What came of each message, until it cannot come again: an attempt to deliver it once more
    gets the answer of the first, and so does whoever recorded it and plays it back.

    None that may still come is ever forgotten for lack of room: the next one is turned away.
    """

    def __init__(self, items_max: int = IDS_MAX) -> None:
        self._items: OrderedDict[tuple[str, str], tuple[float, bytes, T]] = OrderedDict()
        self._items_max = items_max

    def __len__(self) -> int:
        return len(self._items)

    def find(self, source: str, message_id: str, body: bytes) -> T | None:
        """What came of it; None if it is new.

        Raises:
            SignalError: the id was used for another body.
        """
        found = self._items.get((source, message_id))
        if found is None:
            return None
        _, digest, outcome = found
        if digest != _fingerprint(body):
            raise refuse(RefusalReason.MALFORMED, f"{ID_HEADER} was used for another body")
        return outcome

    def keep(self, source: str, message_id: str, body: bytes, outcome: T, now_s: float) -> None:
        """Remember it, or what came of it now.

        Raises:
            LimitError: there is no room before the oldest has become too old to come again.
        """
        key = (source, message_id)
        known = self._items.get(key)
        if known is None:
            while self._items and next(iter(self._items.values()))[0] <= now_s:
                self._items.popitem(last=False)
            if len(self._items) >= self._items_max:
                raise LimitError(f"{self._items_max} messages in {KEPT_S} s; come again later")
        until_s = now_s + KEPT_S if known is None else known[0]
        self._items[key] = (until_s, _fingerprint(body), outcome)

    def forget(self, source: str, message_id: str) -> None:
        """Nothing came of it: the next attempt is a first one."""
        self._items.pop((source, message_id), None)


def _fingerprint(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=16).digest()
