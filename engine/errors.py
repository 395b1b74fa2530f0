"""Who is at fault, in one short hierarchy.

``UserError`` is a person's mistake: one line that names the place and the mend, exit code 2.
``PeerError`` is the other side's surprise: refused, counted, and the engine goes on.
``LimitError`` is one of our own stated bounds, reached.
A defect of ours is an ``AssertionError`` and nothing else.
"""


class EngineError(Exception):
    """Base of everything this package raises on purpose."""


class UserError(EngineError):
    """A mistake in a command, file or call; its text is the one line a person needs."""


class ConfigError(UserError):
    """A setting is missing, unknown or out of range."""


class DataFileError(UserError):
    """A tick, signal or capture file cannot be read; names the file and the line."""


class JournalError(UserError):
    """The journal cannot be used: locked, of another version, corrupt, or the disk refused."""


class ConnectError(UserError):
    """TWS cannot be reached, stays silent, or talks a version that is not supported."""


class OutputError(UserError):
    """Standard output takes no more; ``enough``: whoever reads it has gone."""

    def __init__(self, text: str, enough: bool) -> None:
        super().__init__(text)
        self.enough = enough


class PeerError(EngineError):
    """Bytes from the network that make no sense."""


class FrameError(PeerError):
    """A frame length that no TWS sends: the stream cannot be followed any further."""


class DecodeError(PeerError):
    """A message whose fields cannot be read; the frame is dropped, counted and reported."""


class SignalError(PeerError):
    """A prediction signal that does not fit the schema; carries the reason."""


class LimitError(EngineError):
    """A named bound (queue, rate, size) has been reached."""
