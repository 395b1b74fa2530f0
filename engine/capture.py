"""A capture: the bytes of TWS as they arrived, with their times, for replay from bytes.

The file begins with a magic line. Each record is 20 bytes (CLOCK_MONOTONIC nanoseconds as int64,
kind as int64, length as uint32, little endian) and then its bytes. Kind 0 is what one receive
gave; kind 1 begins a connection, and its bytes are the server version as text; kind 2 says what
was asked for, because answers name only the number of a request: ``NUMBER SYMBOL``. The reader
writes the records of kind 0 itself, while it receives.

Nobody's orders wait for it: a disk that refuses ends the recording and nothing else, at the last
record that is whole.
"""

from __future__ import annotations

import errno
import os
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Protocol

import attrs

from engine.errors import DataFileError
from engine.loggers import logger

MAGIC: Final = b"TWS capture 1\n"
RECEIVED, CONNECTED, SUBSCRIBED = 0, 1, 2
HEAD: Final = struct.Struct("<qqI")
RECORD_BYTES_MAX: Final = 32 * 1024 * 1024
_LOG = logger("engine.capture")


@attrs.frozen
class Chunk:
    """One record of a capture."""

    mono_ns: int
    kind: int
    data: bytes


class Recording(Protocol):
    """Writes what it reads to a file: the number of the error that ended it, 0 until then."""

    @property
    def record_errno(self) -> int: ...
    def record(self, fd: int) -> None: ...


class Capture:
    """A capture file being written, readable only by its owner: it holds account names.

    Raises:
        DataFileError: the file exists already, or cannot be made.
    """

    def __init__(self, path: str | Path) -> None:
        self.path: Final = Path(path)
        self.going = True  # until the disk refuses
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        try:
            self.fd: Final = os.open(self.path, flags, 0o600)
            os.write(self.fd, MAGIC)
        except FileExistsError:
            raise DataFileError(f"{path}: exists; a capture begins a new file") from None
        except OSError as problem:
            raise DataFileError(f"{path}: cannot be written: {problem.strerror}") from None

    def connected(self, server_version: int, leftover: bytes) -> None:
        """A connection begins; ``leftover`` came behind its handshake."""
        self._write(CONNECTED, str(server_version).encode())
        if leftover:
            self._write(RECEIVED, leftover)

    def subscribed(self, request_id: int, symbol: str) -> None:
        """What comes with this number from now on is about the market of ``symbol``."""
        self._write(SUBSCRIBED, f"{request_id} {symbol}".encode())

    def _write(self, kind: int, data: bytes) -> None:
        if not self.going:
            return
        record = HEAD.pack(time.monotonic_ns(), kind, len(data)) + data
        try:
            if os.write(self.fd, record) < len(record):
                self.stop(errno.ENOSPC)
        except OSError as problem:
            self.stop(problem.errno or errno.EIO)

    def look(self, reader: Recording) -> None:
        """Stop where the reader has met a disk that refuses, and have it record no more."""
        if reader.record_errno:
            self.stop(reader.record_errno)
        if not self.going:
            reader.record(-1)

    def stop(self, why: int) -> None:
        """The disk has refused with this number of an error. A part of a record may be the end of
        the file now, so nothing may come behind it."""
        self.going = False
        _LOG.error("%s: recording stopped: %s", self.path, os.strerror(why))

    def close(self) -> None:
        os.close(self.fd)


def read(path: str | Path) -> Iterator[Chunk]:
    """The records of a capture, in order. A record that was cut off at the end (the process was
    killed while writing it) ends the capture.

    Raises:
        DataFileError: not a capture, or damaged; names the file and the byte.
    """
    try:
        with Path(path).open("rb") as file:
            if file.read(len(MAGIC)) != MAGIC:
                raise DataFileError(f"{path}: not a capture of this version")
            while len(head := file.read(HEAD.size)) == HEAD.size:
                mono_ns, kind, length = HEAD.unpack(head)
                if kind not in (RECEIVED, CONNECTED, SUBSCRIBED) or length > RECORD_BYTES_MAX:
                    raise DataFileError(f"{path}: damaged before byte {file.tell()}")
                data = file.read(length)
                if len(data) < length:
                    return
                yield Chunk(mono_ns, kind, data)
    except OSError as problem:
        raise DataFileError(f"{path}: cannot be read: {problem.strerror}") from None
