"""Numbers of accounts and keys do not stand in what is shown, wherever they were."""

from __future__ import annotations

import gc
import json
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.redaction import MASK, SHORT_CHARS, Redaction, Secret

ACCOUNTS = st.from_regex(r"D?[UFI][0-9]{5,10}", fullmatch=True)
NAMES = st.from_regex(r"[A-Z]{2}[0-9A-Z]{3,10}", fullmatch=True)
KEYS = st.text(
    st.characters(min_codepoint=33, max_codepoint=126), min_size=SHORT_CHARS, max_size=64
)
AROUND = st.text(st.sampled_from(" ,.:;/'\"-_=()[]{}\n\t%é…"), max_size=5)


def nested(leaf: st.SearchStrategy[str]) -> st.SearchStrategy[object]:
    return st.recursive(
        leaf,
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.tuples(inner, st.integers(0, 9))  # no key by chance
            | st.dictionaries(st.sampled_from(["a", "b"]), inner, max_size=2)
        ),
        max_leaves=6,
    )


@given(st.data(), ACCOUNTS, AROUND, AROUND)
def test_what_has_the_form_of_an_account_is_masked_anywhere(
    data: st.DataObject, account: str, before: str, after: str
) -> None:
    value = data.draw(nested(st.just(f"{before}{account}{after}") | st.text(max_size=5)))
    assert account not in json.dumps(Redaction().value(value), ensure_ascii=False)


@given(NAMES, AROUND, AROUND)
def test_a_known_account_is_masked_whatever_its_form(name: str, before: str, after: str) -> None:
    redaction = Redaction([name])
    assert redaction.text(f"{before}{name}{after}") == f"{before}{name[:2]}{MASK}{after}"


@given(st.data(), KEYS, AROUND)
def test_a_key_is_masked_anywhere_and_in_every_form(
    data: st.DataObject, key: str, around: str
) -> None:
    secret = Secret(key.encode())
    forms = [key, json.dumps(key)[1:-1], b64encode(key.encode()).decode()]
    told = Redaction().value(data.draw(nested(st.sampled_from([around + one for one in forms]))))

    for form in forms:
        assert form not in json.dumps(told, ensure_ascii=False).replace("\\\\", "\\").replace(
            '\\"', '"'
        )
    assert secret.reveal() == key.encode()


@pytest.mark.parametrize(
    "text", ["order 1234567 of BUD123", "a1b2c3-7-E12", "IBM", "U123", "00025b46.63f3.01.01"]
)
def test_what_is_no_account_stays(text: str) -> None:
    assert Redaction().text(text) == text


def test_what_is_too_short_to_hide_does_not_tear_words_apart() -> None:
    secret = Secret(b"order")
    assert Redaction().text("order 1 of orders") == "order 1 of orders"
    assert secret.forms == ()


def test_a_key_that_nobody_has_any_more_is_forgotten() -> None:
    def hold() -> None:
        secret = Secret(b"a-key-for-a-moment")
        assert Redaction().text("a-key-for-a-moment") == MASK
        assert repr(secret) == f"Secret({MASK})"

    hold()
    gc.collect()
    assert Redaction().text("a-key-for-a-moment") == "a-key-for-a-moment"


def test_other_values_stay_what_they_are() -> None:
    assert Redaction().value({"a": (1, None, 2.5, True)}) == {"a": [1, None, 2.5, True]}
