"""The journal's files: the lock on it, who may read it, and its head.

All are private to the user, regular files, and never reached through a symbolic link.
"""

from __future__ import annotations

import os
import zlib
from functools import cache
from pathlib import Path
from typing import Final, Literal

import attrs

from engine.disk import Disk, lock, open_private
from engine.errors import JournalError

Durability = Literal["full", "normal"]
# The head has two places, written in turns, so that one that was torn leaves the one before. Each
# is a sector of its own, and of a fixed size: rewriting never changes that of the file.
PLACE_BYTES: Final = 512
PLACES: Final = 2
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


@attrs.frozen
class Head:
    """What the last commit made durable, and how firmly."""

    turn: int  # counts the heads that were written
    count: int
    hash: bytes
    durability: str
    boot_id: str


class JournalFiles:
    """Opens and locks the journal at ``path``.

    The lock is on the journal itself, because a lock file beside it can be removed by somebody
    who takes it for stale. ``flock`` and SQLite's own record locks do not meet, but closing any
    descriptor of the file drops the latter: close this after SQLite.

    Raises:
        JournalError: in use, or not a file that may be used; one line with the mend.
    """

    def __init__(self, path: Path, disk: Disk) -> None:
        self.path: Final = path
        self.head_path: Final = head_path(path)
        self.disk: Final = disk
        self._head = -1
        self._turn = 0  # of the latest head
        try:
            created_directory = not path.parent.exists()
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if created_directory:
                disk.sync_directory(path.parent.parent)
            self._descriptor = open_private(path)
        except OSError as problem:
            raise inaccessible(path, problem) from None
        try:
            lock(self._descriptor)
        except BlockingIOError:
            self.close()
            raise JournalError(
                f"{path}: in use by another engine; stop that one or name another journal"
            ) from None

    def take_over(self, successor: Path) -> None:
        """Put the file ``successor`` in the journal's place, locked before anybody can see it.
        Raises OSError; the journal is then still the old one."""
        descriptor = open_private(successor)
        try:
            lock(descriptor)
            self.disk.rename(successor, self.path)
        except OSError:
            os.close(descriptor)
            raise
        self._descriptor, old = descriptor, self._descriptor
        os.close(old)

    @property
    def in_place(self) -> bool:
        """Whether the file of the journal's name is the one that is locked."""
        try:
            ours, named = os.fstat(self._descriptor), os.lstat(self.path)
        except FileNotFoundError:
            return False
        return (ours.st_dev, ours.st_ino) == (named.st_dev, named.st_ino)

    def check_same_file(self) -> None:
        """SQLite opened by name: what it got must be what was checked and locked."""
        if not self.in_place:
            raise JournalError(f"{self.path}: was replaced while it was opened; try again")
        for suffix in ("-wal", "-shm"):
            companion = self.path.with_name(self.path.name + suffix)
            if companion.is_symlink():
                raise JournalError(f"{companion}: is a symbolic link; remove it")

    def adopt(self) -> None:
        """It is a journal, or will be: make it private and open its head. Raises OSError."""
        os.fchmod(self._descriptor, 0o600)
        if self._head < 0:
            self._head = open_private(self.head_path)
        os.fchmod(self._head, 0o600)
        self.disk.sync_directory(self.path.parent)

    def write_head(self, count: int, digest: bytes, durability: Durability) -> None:
        """Reaches the page cache, so it survives a killed process. It is not synced: a head that
        is a little old after a power cut does no harm. Raises OSError."""
        self._turn += 1
        words = f"{self._turn} {count} {digest.hex()} {durability} {boot_id()}"
        data = f"{words} {_checksum(words)}\n".rjust(PLACE_BYTES).encode("ascii")
        if self._turn == 1:
            self._begin_head(data)  # there is none before it
        else:
            self.disk.write_at(self._head, data, self._turn % PLACES * PLACE_BYTES)

    def _begin_head(self, data: bytes) -> None:
        draft = self.head_path.with_name(f"{self.head_path.name}-new")
        self.disk.remove(draft)
        descriptor = open_private(draft)
        try:
            self.disk.write_at(descriptor, data, PLACE_BYTES)
            self.disk.sync(descriptor)
            self.disk.rename(draft, self.head_path)
            self.disk.sync_directory(self.path.parent)
        except BaseException:
            os.close(descriptor)
            raise
        self._head, old = descriptor, self._head
        os.close(old)

    def sync_head(self) -> None:
        self.disk.sync(self._head)

    def read_head(self) -> Head | None:
        """Raises as ``read_head``."""
        found = read_head(self.path)
        self._turn = 0 if found is None else found.turn
        return found

    def close(self) -> None:
        """Give up the lock."""
        if self._head >= 0:
            os.close(self._head)
        os.close(self._descriptor)


def head_path(journal: Path) -> Path:
    return journal.with_name(f"{journal.name}-head")


def read_head(journal: Path) -> Head | None:
    """The head of a journal as last written; None if it never was.

    Raises:
        JournalError: it is there and makes no sense.
    """
    path = head_path(journal)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as problem:
        raise JournalError(f"{path}: cannot be read ({problem.strerror})") from None
    if not data:
        return None
    found = [_head_at(data, place) for place in range(0, PLACES * PLACE_BYTES, PLACE_BYTES)]
    heads = [head for head in found if head is not None]
    if not heads or len(data) > PLACES * PLACE_BYTES:
        raise JournalError(f"{path}: cannot be read; remove it if {journal.name} can be trusted")
    return max(heads, key=lambda head: head.turn)


def _head_at(data: bytes, place: int) -> Head | None:
    """None if nothing whole was written there."""
    words = data[place : place + PLACE_BYTES].decode("ascii", "replace").split()
    if len(words) != 6 or words[-1] != _checksum(" ".join(words[:-1])):
        return None
    return Head(int(words[0]), int(words[1]), bytes.fromhex(words[2]), words[3], words[4])


def _checksum(words: str) -> str:
    return f"{zlib.crc32(words.encode()):08x}"


@cache
def boot_id() -> str:
    """Names this run of the machine; "-" where the system does not say."""
    try:
        return _BOOT_ID.read_text("ascii").strip()
    except OSError:
        return "-"


def inaccessible(path: Path, problem: OSError) -> JournalError:
    """What a person can do about it, in one line."""
    file = Path(problem.filename) if isinstance(problem.filename, str) else path
    if file.is_symlink():
        return JournalError(f"{file}: is a symbolic link; name the file itself")
    return JournalError(f"{file}: cannot be opened ({problem.strerror}); name another journal")
