"""Addresses and keys: where they may be, what they must be, and that nothing shows them."""

from __future__ import annotations

import base64
import os
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.config import from_mapping
from engine.errors import ConfigError
from engine.redaction import Secret
from engine.signals.keys import api_key, api_url, read_key_file, webhook_keys
from engine.sources import Polling, Sender, base_url

KEY = "k3y-that-nobody-may-see"
WEBHOOK_KEY = "whsec_" + base64.b64encode(bytes(range(32))).decode()
KeyFile = Callable[..., str]


def configured(**signals: object) -> object:
    return from_mapping({"strategy": {"symbols": ["SPY"]}, "signals": signals})


# -- addresses -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "https://api.example.com",
        "https://api.example.com/v2/",
        "https://api.example.com:8443/v2",
        "http://127.0.0.1:8080",
        "http://localhost",
        "http://[::1]:9000/x",
    ],
)
def test_https_or_this_machine(url: str) -> None:
    assert base_url(url, plain_ok=False) == url.rstrip("/")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://api.example.com", "must be https"),
        ("http://127.0.0.1.example.com", "must be https"),
        ("ftp://api.example.com", "must begin with https://"),
        ("api.example.com", "must begin with https://"),
        ("https://", "must begin with https://"),
        ("https://u:sesame@api.example.com", "must not have a user"),
        ("https://api.example.com?key=sesame", "a query"),
        ("https://api.example.com#sesame", "a fragment"),
        ("https://api.example.com/\nX: sesame", "printable"),
        ("https://api.example.com:99999", "is not a URL"),
        ("https://[sesame", "is not a URL"),
    ],
)
def test_any_other_address_is_refused_without_being_quoted(url: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        configured(poll={"url": url})

    assert "sesame" not in str(caught.value)
    assert "url" in str(caught.value)


def test_http_elsewhere_needs_a_word() -> None:
    assert base_url("http://api.example.com", plain_ok=True)
    assert configured(poll={"url": "http://api.example.com", "plain_ok": True})


@given(st.text(max_size=40) | st.text(max_size=20).map(lambda text: f"https://{text}"))
def test_any_text_is_an_address_or_is_refused(text: str) -> None:
    try:
        found = base_url(text, plain_ok=False)
    except ValueError as problem:
        assert "\n" not in str(problem)
    else:
        assert found.startswith(("https://", "http://"))


def test_the_address_may_come_from_the_environment() -> None:
    assert api_url(Polling(), {"ENGINE_PREDICTIONS_URL": "https://a.example/"}) == (
        "https://a.example"
    )
    assert api_url(Polling(url="https://b.example"), {"ENGINE_PREDICTIONS_URL": "x"}) == (
        "https://b.example"
    )
    with pytest.raises(ConfigError, match="ENGINE_PREDICTIONS_URL: must be https"):
        api_url(Polling(), {"ENGINE_PREDICTIONS_URL": "http://a.example/"})
    with pytest.raises(ConfigError, match="is empty, and ENGINE_PREDICTIONS_URL is not set"):
        api_url(Polling(), {})


# -- the API's key -------------------------------------------------------------------------------


def test_the_key_is_in_a_file_or_the_environment(key_file: KeyFile) -> None:
    path = key_file(KEY + "\n")
    found = api_key(Polling(key_file=path), {"ENGINE_PREDICTIONS_KEY": "other"})
    assert found is not None
    assert found.reveal() == KEY.encode()
    found = api_key(Polling(), {"ENGINE_PREDICTIONS_KEY": KEY})
    assert found is not None
    assert found.reveal() == KEY.encode()

    assert api_key(Polling(), {}) is None


@pytest.mark.parametrize("text", ["a\nX-Evil: 1", "a b", "schlüssel", "a\tb", "x" * 2_000])
def test_what_cannot_stand_in_a_header_is_no_key(key_file: KeyFile, text: str) -> None:
    with pytest.raises(ConfigError, match="a key") as caught:
        api_key(Polling(key_file=key_file(text)))

    assert text not in str(caught.value)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_a_key_that_others_may_read_is_refused(key_file: KeyFile, mode: int) -> None:
    path = key_file(KEY, mode=mode)

    with pytest.raises(ConfigError, match="chmod 600") as caught:
        read_key_file(path)
    assert KEY not in str(caught.value)


def test_other_places_of_keys_are_refused(tmp_path: Path, key_file: KeyFile) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    for name, words in [
        ("missing", "No such file"),
        (".", "not a regular file"),
        ("pipe", "not a regular file"),
        (key_file("", "empty"), "is empty"),
        (key_file("x" * 5_000, "large"), "more than 4096 bytes"),
    ]:
        with pytest.raises(ConfigError, match=words) as caught:
            read_key_file(str(tmp_path / name))
        assert "\n" not in str(caught.value)


def test_a_key_does_not_show_itself() -> None:
    secret = Secret(KEY.encode())

    assert KEY not in f"{secret} {secret!r} {[secret]}"
    with pytest.raises(TypeError):
        pickle.dumps(secret)


def test_no_setting_takes_a_key() -> None:
    with pytest.raises(ConfigError, match="unknown key 'key'") as caught:
        configured(poll={"url": "https://a.example", "key": KEY})
    assert KEY not in str(caught.value)


# -- keys of webhooks ----------------------------------------------------------------------------


def test_a_sender_has_one_key_or_two(key_file: KeyFile) -> None:
    one, two = key_file(WEBHOOK_KEY, "one"), key_file(f"  {WEBHOOK_KEY}\n", "two")
    environment = {"ENGINE_WEBHOOK_KEY_FLOW_V2": f"{WEBHOOK_KEY} {WEBHOOK_KEY}"}

    for sender in (Sender(key_files=(one, two)), Sender(source="flow.v2")):
        keys = webhook_keys(sender, environment)
        assert [key.reveal() for key in keys] == [bytes(range(32))] * 2


@pytest.mark.parametrize(
    "text",
    [
        "secret",
        "whsec_",
        "whsec_c2hvcnQ=",
        "whsec_" + base64.b64encode(bytes(65)).decode(),
        base64.b64encode(bytes(32)).decode(),
        WEBHOOK_KEY + "ü",
        WEBHOOK_KEY[:-2] + "*" + WEBHOOK_KEY[-1],
    ],
)
def test_a_weak_or_mistyped_key_is_refused(key_file: KeyFile, text: str) -> None:
    with pytest.raises(ConfigError, match="not a key of a webhook") as caught:
        webhook_keys(Sender(key_files=(key_file(text),)))
    assert text == "whsec_" or text not in str(caught.value)


def test_a_sender_without_a_key_is_named_with_the_mend() -> None:
    with pytest.raises(ConfigError, match=r"no key for flow: .* ENGINE_WEBHOOK_KEY_FLOW"):
        webhook_keys(Sender(source="flow"), {})
    with pytest.raises(ConfigError, match="3 keys; at most 2"):
        webhook_keys(Sender(), {"ENGINE_WEBHOOK_KEY_PREDICTIONS": f"{WEBHOOK_KEY} " * 3})


# -- settings ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("signals", "words"),
    [
        ({"max_age_s": 0}, "max_age_s must be above 0"),
        ({"max_age_s": float("nan")}, "signals.max_age_s: must be a number, not nan"),
        ({"poll": {"source": "a:b"}}, "source 'a:b' must be"),
        (
            {"poll": {"interval_s": float("inf")}},
            "signals.poll.interval_s: must be a number, not inf",
        ),
        ({"poll": {"retry_first_s": 9, "retry_max_s": 3}}, "retry_first_s must not be above"),
        ({"poll": {"tickers": ["A", "A"]}}, "tickers must not repeat"),
        ({"webhook": {"host": "0.0.0.0"}}, "remote_ok"),
        ({"webhook": {"senders": []}}, "senders must name"),
        ({"webhook": {"senders": [{"source": "a.b"}, {"source": "a-b"}]}}, "different sources"),
        ({"webhook": {"senders": [{"key_files": ["a", "b", "c"]}]}}, "key_files"),
        ({"tail": {}}, "path"),
        ({"tail": {"path": ""}}, "path"),
        ({"pol": {}}, "did you mean poll"),
    ],
)
def test_a_wrong_setting_is_one_line(signals: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        configured(**signals)

    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
