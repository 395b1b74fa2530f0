_Value = int | float | str | bool | None

class Form:
    """Certain fields of one message of protobuf: the number of each, its type as the library
    numbers types, and the place of its value, or another Form: a message with more of the values;
    None: a field that is passed over, or a message that has to be empty. ``absent`` is what each
    value is where the message does not say it.

    Raises:
        ValueError: a type that is not read here, a number that is too high, or a place beyond the
            values.
    """

    def __init__(
        self,
        fields: tuple[tuple[int, int, int | Form | None], ...],
        absent: tuple[_Value, ...],
    ) -> None: ...
    def read(self, message: bytes) -> tuple[_Value, ...] | None:
        """The values. None: the message has a field that was not named, or is damaged, so that
        the library has to look at it."""
