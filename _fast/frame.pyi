from typing import Final

MAX_FRAME_BYTES: Final[int]
START_BYTES: Final[int]
LIMIT_BYTES: Final[int]

class FrameError(ValueError):
    """A frame length that no TWS sends; the stream cannot be followed any further."""

class FrameBuffer:
    """Cuts a byte stream into TWS frames (u32be length + payload), at any split of the input."""

    def __init__(self) -> None: ...
    @property
    def broken(self) -> bool:
        """A bad length was met; permanent."""
    @property
    def bad_length(self) -> int:
        """The length that broke the stream, 0 while it is whole (and when it was 0)."""
    @property
    def capacity(self) -> int:
        """Bytes allocated."""
    @property
    def pending(self) -> int:
        """Bytes received and not yet handed out as frames."""
    def feed(self, chunk: bytes) -> None:
        """Append what was received.

        Raises:
            BufferError: LIMIT_BYTES are waiting; take the frames out first. Nothing was taken in.
        """
    def next_frame(self) -> bytes | None:
        """The payload of the next whole frame, None while it is incomplete.

        Raises:
            FrameError: the length was 0 or above MAX_FRAME_BYTES; raised on every later call too.
        """
