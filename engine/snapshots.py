"""Snapshots of the state beside the journal: ``<journal>-snapshot-<record>``.

Each holds the state after one record, named by its number and hash, so that it fits this journal
and no other. A snapshot is written under another name, synced and renamed: there is never half of
one under its own. Three lines: what it is, the image, and a checksum of both.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path
from typing import Any, Final

import attrs
import orjson

from engine.disk import Disk, open_private
from engine.errors import JournalError
from engine.journal_store import DIGITS
from engine.version import VERSION

FORMAT: Final = "statechart order engine snapshot"
FORM: Final = 1  # of the file; that of the image in it is named by its shape
KEPT: Final = 2  # the newest, and the one before


@attrs.frozen
class StateSnapshot:
    """The state after record ``count``, whose hash is ``hash``."""

    count: int
    hash: bytes
    shape: str
    image: bytes
    engine: str = VERSION  # that wrote it


def snapshot_path(journal: Path, count: int) -> Path:
    return journal.with_name(f"{journal.name}-snapshot-{count:0{DIGITS}}")


def snapshot_paths(journal: Path) -> list[Path]:
    """Those of a journal, the newest first; they may be damaged."""
    stem = f"{journal.name}-snapshot-"
    found = [
        path
        for path in journal.parent.glob("*")
        if path.name.startswith(stem)
        and len(path.name) == len(stem) + DIGITS
        and path.name[len(stem) :].isdigit()
    ]
    return sorted(found, reverse=True)


def write_snapshot(journal: Path, snapshot: StateSnapshot, disk: Disk) -> Path:
    """Write it so that it is whole or not there, and keep KEPT up to it. Those ahead of it are of
    a journal in whose place an older copy was put: this one must not give way to them. Raises
    OSError."""
    path = snapshot_path(journal, snapshot.count)
    draft = journal.with_name(f"{journal.name}-snapshot-new")
    disk.remove(draft)
    descriptor = open_private(draft)
    try:
        disk.write_at(descriptor, _to_bytes(snapshot), 0)
        disk.sync(descriptor)
    except OSError:
        with contextlib.suppress(OSError):  # a part of it takes the room that the journal needs
            disk.remove(draft)
        raise
    finally:
        os.close(descriptor)
    disk.rename(draft, path)
    disk.sync_directory(path.parent)
    upto = [one for one in snapshot_paths(journal) if one.name <= path.name]
    for old in upto[KEPT:]:
        with contextlib.suppress(OSError):  # it is in nobody's way
            disk.remove(old)
    return path


def read_snapshot(path: Path) -> StateSnapshot:
    """What was written.

    Raises:
        JournalError: one line on why it cannot be used.
    """
    try:
        data = path.read_bytes()
    except OSError as problem:
        raise JournalError(f"{path}: cannot be read ({problem.strerror})") from None
    body, _, checksum = data.removesuffix(b"\n").rpartition(b"\n")
    if checksum != _checksum(body):
        raise JournalError(f"{path}: is damaged")
    head, _, image = body.partition(b"\n")
    about = orjson.loads(head)
    if about.get("format") != FORMAT or about.get("form") != FORM:
        raise JournalError(f"{path}: is of another form ({about.get('form')}, not {FORM})")
    return StateSnapshot(
        about["count"], bytes.fromhex(about["hash"]), about["shape"], image, about["engine"]
    )


def _to_bytes(snapshot: StateSnapshot) -> bytes:
    about: dict[str, Any] = {
        "format": FORMAT,
        "form": FORM,
        "engine": snapshot.engine,
        "count": snapshot.count,
        "hash": snapshot.hash.hex(),
        "shape": snapshot.shape,
    }
    body = orjson.dumps(about) + b"\n" + snapshot.image
    return body + b"\n" + _checksum(body) + b"\n"


def _checksum(body: bytes) -> bytes:
    return hashlib.sha256(body).hexdigest().encode()
