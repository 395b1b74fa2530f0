"""Signatures against published vectors, and what is good for how long."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import LimitError
from engine.redaction import Secret
from engine.signals.schema import SignalRefusedError
from engine.signals.signature import (
    KEPT_S,
    SIGNATURES_MAX,
    WINDOW_S,
    Deliveries,
    check,
    sign,
)

NOW_S = 1_800_000_000
KEY, OLD_KEY, OTHER_KEY = (Secret(bytes([n]) * 32) for n in (1, 2, 3))
BODY = b'{"ticker": "SPY"}'

# RFC 4231, sections 4.2 to 4.8: key, data, HMAC-SHA-256.
VECTORS = [
    ("0b" * 20, b"Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
    (
        b"Jefe".hex(),
        b"what do ya want for nothing?",
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    ),
    ("aa" * 20, b"\xdd" * 50, "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
    (
        bytes(range(1, 26)).hex(),
        b"\xcd" * 50,
        "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
    ),
    ("0c" * 20, b"Test With Truncation", "a3b6167473100ee06e0c796c2955552b"),  # of 128 bits
    (
        "aa" * 131,
        b"Test Using Larger Than Block-Size Key - Hash Key First",
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
    ),
    (
        "aa" * 131,
        b"This is a test using a larger than block-size key and a larger than block-size data. "
        b"The key needs to be hashed before being used by the HMAC algorithm.",
        "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
    ),
]


@pytest.mark.parametrize(("key", "data", "digest"), VECTORS)
def test_the_hash_is_that_of_rfc_4231(key: str, data: bytes, digest: str) -> None:
    found = hmac.digest(bytes.fromhex(key), data, hashlib.sha256).hex()

    assert found[: len(digest)] == digest


def test_a_signature_is_that_of_standard_webhooks() -> None:
    """The example of the specification's own libraries."""
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    message_id, timestamp_s = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330

    assert sign(key, message_id, timestamp_s, b'{"test": 2432232314}') == (
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    )


def headers(
    key: Secret = KEY, message_id: str = "msg_1", timestamp_s: int = NOW_S, body: bytes = BODY
) -> dict[str, str]:
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp_s),
        "webhook-signature": sign(key.reveal(), message_id, timestamp_s, body),
    }


def test_each_of_two_keys_is_good_and_no_other() -> None:
    for key in (KEY, OLD_KEY):
        assert check([KEY, OLD_KEY], headers(key), BODY, NOW_S).message_id == "msg_1"
    with pytest.raises(SignalRefusedError, match="no v1 signature"):
        check([KEY, OLD_KEY], headers(OTHER_KEY), BODY, NOW_S)


def test_one_good_signature_among_others_is_enough_but_not_among_any_number() -> None:
    good = headers()["webhook-signature"]
    for before, taken in (
        ("v1a,xyz v1,bm9uZQ== v1,\udcff ", True),
        ("v1,x " * SIGNATURES_MAX, False),
    ):
        given_headers = {**headers(), "webhook-signature": before + good}
        try:
            check([KEY], given_headers, BODY, NOW_S)
        except SignalRefusedError:
            assert not taken
        else:
            assert taken


@pytest.mark.parametrize(
    "changes",
    [
        {"webhook-id": ""},
        {"webhook-id": "msg_2"},
        {"webhook-id": "msg.1"},
        {"webhook-id": "x" * 129},
        {"webhook-id": "msg\u00e9"},
        {"webhook-timestamp": ""},
        {"webhook-timestamp": str(NOW_S + 1)},
        {"webhook-timestamp": f"+{NOW_S}"},
        {"webhook-timestamp": f"{NOW_S}.0"},
        {"webhook-timestamp": "\u0661"},
        {"webhook-signature": ""},
        {"webhook-signature": "v1,"},
        {"webhook-signature": "v2," + headers()["webhook-signature"][3:]},
        {"webhook-signature": headers()["webhook-signature"][3:]},
        {"webhook-signature": headers()["webhook-signature"][:-2] + "A="},
    ],
)
def test_any_change_is_refused(changes: dict[str, str]) -> None:
    with pytest.raises(SignalRefusedError) as caught:
        check([KEY], {**headers(), **changes}, BODY, NOW_S)

    assert caught.value.reason == "unauthorised"


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_missing_header_is_named(name: str) -> None:
    with pytest.raises(SignalRefusedError, match=name):
        check([KEY], {n: text for n, text in headers().items() if n != name}, BODY, NOW_S)


@given(st.binary(max_size=60), st.integers(0, 59), st.integers(1, 255))
def test_a_changed_body_is_refused(body: bytes, place: int, change: int) -> None:
    signed = headers(body=body)
    changed = bytearray(body or b"\0")
    changed[place % len(changed)] ^= change

    with pytest.raises(SignalRefusedError):
        check([KEY], signed, bytes(changed), NOW_S)


@pytest.mark.parametrize(
    ("off_s", "good"),
    [(0, True), (WINDOW_S, True), (-WINDOW_S, True), (WINDOW_S + 1, False), (-WINDOW_S - 1, False)],
)
def test_the_window_is_the_same_both_ways(off_s: int, good: bool) -> None:
    signed = headers(timestamp_s=NOW_S + off_s)
    if good:
        assert check([KEY], signed, BODY, NOW_S).timestamp_s == NOW_S + off_s
    else:
        with pytest.raises(SignalRefusedError, match="from now, at most 300 s is"):
            check([KEY], signed, BODY, NOW_S)


@given(st.dictionaries(st.sampled_from([*headers(), "host"]), st.text()), st.binary())
def test_any_headers_are_refused_with_a_reason(given_headers: dict[str, str], body: bytes) -> None:
    with pytest.raises(SignalRefusedError) as caught:
        check([KEY], given_headers, body, NOW_S)
    assert caught.value.reason == "unauthorised"


# -- deliveries ----------------------------------------------------------------------------------


def test_a_message_is_remembered_as_long_as_it_can_come_again() -> None:
    """One that is 300 s ahead of us is good until 600 s have passed."""
    made: Deliveries[str] = Deliveries()
    made.keep("a", "1", BODY, "taken", 0.0)
    made.keep("a", "2", BODY, "taken", 2.0 * WINDOW_S)
    assert made.find("a", "1", BODY) == "taken"
    made.keep("a", "3", BODY, "taken", KEPT_S)

    assert made.find("a", "1", BODY) is None
    assert made.find("a", "2", BODY) == "taken"
    assert made.find("b", "2", BODY) is None
    assert len(made) == 2


def test_an_id_is_of_one_body() -> None:
    made: Deliveries[str] = Deliveries()
    made.keep("a", "1", BODY, "taken", 0.0)

    with pytest.raises(SignalRefusedError, match="another body"):
        made.find("a", "1", b"{}")


def test_nothing_that_may_still_come_is_forgotten_for_lack_of_room() -> None:
    made: Deliveries[str] = Deliveries(items_max=2)
    made.keep("a", "1", BODY, "pending", 0.0)
    made.keep("a", "2", BODY, "pending", 1.0)
    with pytest.raises(LimitError):
        made.keep("a", "3", BODY, "pending", 2.0)
    made.keep("a", "1", BODY, "taken", 2.0)  # what came of one that is there
    made.forget("a", "2")
    made.keep("a", "3", BODY, "pending", 2.0)

    assert [made.find("a", one, BODY) for one in "123"] == ["taken", None, "pending"]
