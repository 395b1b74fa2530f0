"""A short run of the fuzz, and that it can fail; `python -m tests.fast.fuzz` runs for long."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bench.compiled import compiled
from tests.fast import fuzz
from tests.fast.fuzz import case, damaged, play, samples, told

ROOT = Path(__file__).resolve().parents[2]


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.slow
@pytest.mark.parametrize("style", ["text", "protobuf"])
def test_damaged_messages_are_messages_or_errors_however_they_are_cut(style: str) -> None:
    done = python("-m", "tests.fast.fuzz", style, "--seconds", "3", "--seed", "7")

    assert done.returncode == 0, done.stderr
    assert f"cases of {style}" in done.stdout


def test_to_read_beyond_a_message_ends_the_process() -> None:
    check = "from bench.compiled import compiled; compiled('guard').Guard().touch_beyond()"

    assert python("-c", check).returncode == -signal.SIGSEGV


def test_the_guard_decodes_what_is_whole() -> None:
    guard = compiled("guard").Guard()
    for style in ("text", "protobuf"):
        for version, payload in samples(style):
            assert guard.decode(payload, version)
            assert not guard.decode(payload[:1], version)


def test_a_difference_between_two_cuts_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    given, guard = samples("text"), compiled("guard").Guard()
    version, payloads, stream = case(given, 1, 1)
    assert told(version, [stream]) != told(version, [stream, case(given, 1, 2)[2]])

    monkeypatch.setattr(fuzz, "told", lambda _, pieces: told(version, [one[:-1] for one in pieces]))
    with pytest.raises(AssertionError, match="cut at 1"):
        play(version, payloads, stream, guard)


def test_a_case_depends_on_nothing_but_its_numbers() -> None:
    given = samples("protobuf")

    assert case(given, 3, 5) == case(given, 3, 5)
    assert case(given, 3, 5) != case(given, 4, 5)
    dice = random.Random(1)
    changed = [damaged(b"12345678", dice, given) != b"12345678" for _ in range(100)]
    assert sum(changed) > 60
