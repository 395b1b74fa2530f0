"""Addresses and keys, from settings, private files or the environment; keys are never shown.

A key file has one line and belongs to its user alone (mode 0600 or 0400). Errors name the place
of a key, never any part of it.
"""

from __future__ import annotations

import base64
import binascii
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from engine.errors import ConfigError
from engine.redaction import Secret
from engine.sources import KEY_VARIABLE, URL_VARIABLE, Polling, Sender, base_url

KEY_FILE_BYTES_MAX: Final = 4_096
API_KEY_CHARS_MAX: Final = 1_024
WEBHOOK_PREFIX: Final = "whsec_"  # as Standard Webhooks write their keys
WEBHOOK_KEY_BYTES: Final = range(24, 65)
WEBHOOK_KEYS_MAX: Final = 2  # the new one and the old one
_WEBHOOK_FORM: Final = f"write {WEBHOOK_PREFIX} and the base64 of 24 to 64 random bytes"


def api_url(settings: Polling, environment: Mapping[str, str] | None = None) -> str:
    """Where to ask, without a slash at the end. Raises ConfigError if nothing good says so."""
    place, text = "signals.poll.url", settings.url
    if not text:
        place, text = URL_VARIABLE, _environment(environment).get(URL_VARIABLE, "").strip()
    if not text:
        raise ConfigError(f"signals.poll.url: is empty, and {URL_VARIABLE} is not set")
    try:
        return base_url(text, settings.plain_ok)
    except ValueError as problem:
        raise ConfigError(f"{place}: {problem}") from None


def api_key(settings: Polling, environment: Mapping[str, str] | None = None) -> Secret | None:
    """What is sent as X-API-Key; None: nothing.

    Raises:
        ConfigError: the file cannot be used, or what is there cannot stand in a header.
    """
    text, place = _text(settings.key_file, KEY_VARIABLE, environment)
    if not text:
        return None
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ConfigError(f"{place}: a key is printable ASCII without blanks")
    if len(text) > API_KEY_CHARS_MAX:
        raise ConfigError(f"{place}: a key has at most {API_KEY_CHARS_MAX} characters")
    return Secret(text.encode())


def webhook_keys(
    sender: Sender, environment: Mapping[str, str] | None = None
) -> tuple[Secret, ...]:
    """One key or two, of which each is good.

    Raises:
        ConfigError: there is none, or one cannot be used.
    """
    keys: list[Secret] = []
    if sender.key_files:
        keys += [_webhook_key(read_key_file(name), name) for name in sender.key_files]
    else:
        variable = sender.key_variable
        words = _environment(environment).get(variable, "").split()
        if not words:
            raise ConfigError(
                f"signals.webhook: no key for {sender.source}: name key_files, or set {variable}"
            )
        if len(words) > WEBHOOK_KEYS_MAX:
            raise ConfigError(f"{variable}: {len(words)} keys; at most {WEBHOOK_KEYS_MAX}")
        keys += [_webhook_key(word, variable) for word in words]
    return tuple(keys)


def _webhook_key(text: str, place: str) -> Secret:
    encoded = text.removeprefix(WEBHOOK_PREFIX)
    try:
        key = base64.b64decode(encoded.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError, ValueError):
        key = b""
    if encoded == text or len(key) not in WEBHOOK_KEY_BYTES:
        raise ConfigError(f"{place}: not a key of a webhook; {_WEBHOOK_FORM}")
    return Secret(key)


def read_key_file(name: str) -> str:
    """The text of a key file, without blanks around it.

    Raises:
        ConfigError: in one line, why it cannot be used.
    """
    path = Path(name)
    try:
        # Without O_NONBLOCK, a pipe in its place would hold up the start for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as problem:
        raise ConfigError(f"{path}: cannot be read: {problem.strerror}") from None
    try:
        # What was opened is what is judged: the name may mean another file by now.
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise ConfigError(f"{path}: not a regular file; name a file with a key")
        if status.st_mode & 0o077:
            raise ConfigError(f"{path}: others may read this key; say chmod 600 {path}")
        if status.st_uid not in (os.geteuid(), 0):
            raise ConfigError(f"{path}: belongs to another user, who may change the key")
        body = os.read(descriptor, KEY_FILE_BYTES_MAX + 1)
    except OSError as problem:
        raise ConfigError(f"{path}: cannot be read: {problem.strerror}") from None
    finally:
        os.close(descriptor)
    if len(body) > KEY_FILE_BYTES_MAX:
        raise ConfigError(f"{path}: more than {KEY_FILE_BYTES_MAX} bytes; that is no key")
    text = body.decode("utf-8", "replace").strip()
    if not text:
        raise ConfigError(f"{path}: is empty; write the key into it")
    return text


def _text(file: str, variable: str, environment: Mapping[str, str] | None) -> tuple[str, str]:
    if file:
        return read_key_file(file), file
    return _environment(environment).get(variable, "").strip(), variable


def _environment(given: Mapping[str, str] | None) -> Mapping[str, str]:
    return os.environ if given is None else given
