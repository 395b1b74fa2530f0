"""What one version of the engine decides, record by record, here or as a child of another one.

As a child it answers on its standard output what is asked on its standard input, in frames of a
letter, a length and bytes:

    S a record of a journal      D the commands, as JSON
    G                            I the state, as an image
    L an image                   K it goes on from there

E with a reason is the answer to what cannot be done. The first frame is H: the shape of its
images.
"""

from __future__ import annotations

import struct
import sys
from typing import IO, Any, Final, Protocol

import orjson

from engine.codec import loads, step_from_tree, trees
from engine.config import from_mapping
from engine.core import Core
from engine.daybook import DayBook
from engine.errors import EngineError, JournalError
from engine.image import ImageError, from_image, image, shape

# Until the first record of the first run says which there are.
SETTINGS: Final = from_mapping({"strategy": {"symbols": ["NONE"], "sizing": {"shares": 1}}})
HEAD: Final = struct.Struct(">cI")
Tree = list[dict[str, Any]]  # commands as the journal holds them


class Failed(EngineError):  # noqa: N818  an answer, not an error of ours
    """It cannot decide, or not go on from a state; the text says why."""


class Recorded:
    """A record of a journal, as it is there and as what JSON makes of it."""

    __slots__ = ("commands", "payload", "step")

    def __init__(self, payload: bytes) -> None:
        self.payload: Final = payload
        self.step: Final[dict[str, Any]] = loads(payload)
        self.commands: Final[Tree] = self.step["commands"]


class Decides(Protocol):
    @property
    def shape(self) -> str: ...

    def decide(self, record: Recorded) -> Tree:
        """The commands that follow from its inputs. Raises Failed."""

    def image(self) -> bytes:
        """The state after the last record. Raises Failed."""

    def go_on_from(self, data: bytes) -> None:
        """Take over the state of another. Raises Failed."""


class Decider:
    """This version, in this process."""

    def __init__(self) -> None:
        self.shape: Final = shape()
        self.core = Core(SETTINGS)
        self.book = DayBook()

    def decide(self, record: Recorded) -> Tree:
        try:
            now_ns, inputs, _ = step_from_tree(record.step)
        except JournalError as problem:
            raise Failed(str(problem)) from None
        try:
            output = self.core.step(inputs, now_ns)
            self.book.take(self.core.state, output.events, now_ns)
        except Exception as problem:  # an assertion above all: it is what the version decides
            raise Failed(f"{type(problem).__name__}: {problem}") from problem
        return trees(output.commands)

    def image(self) -> bytes:
        return image(self.core.state, self.book)

    def go_on_from(self, data: bytes) -> None:
        try:
            self.core.state, self.book = from_image(data)
        except ImageError as problem:
            raise Failed(str(problem)) from None


def write_frame(stream: IO[bytes], kind: bytes, body: bytes = b"") -> None:
    stream.write(HEAD.pack(kind, len(body)) + body)
    stream.flush()


def read_frame(stream: IO[bytes]) -> tuple[bytes, bytes]:
    """Raises EOFError: the other end is gone."""
    head = stream.read(HEAD.size)
    if len(head) < HEAD.size:
        raise EOFError
    kind, length = HEAD.unpack(head)
    body = stream.read(length)
    if len(body) < length:
        raise EOFError
    return kind, body


def serve(asked: IO[bytes], answers: IO[bytes]) -> None:
    """Until nobody asks any more."""
    decider = Decider()
    write_frame(answers, b"H", decider.shape.encode())
    while True:
        try:
            kind, body = read_frame(asked)
        except EOFError:
            return
        try:
            write_frame(answers, *_answer(decider, kind, body))
        except Failed as problem:
            write_frame(answers, b"E", str(problem).encode())


def _answer(decider: Decider, kind: bytes, body: bytes) -> tuple[bytes, bytes]:
    if kind == b"S":
        return b"D", orjson.dumps(decider.decide(Recorded(body)))
    if kind == b"G":
        return b"I", decider.image()
    assert kind == b"L", kind
    decider.go_on_from(body)
    return b"K", b""


if __name__ == "__main__":
    serve(sys.stdin.buffer, sys.stdout.buffer)
