"""What the records of rules check themselves with; every refusal is one line that says what is
allowed.

A record is checked where it is made, so that a program, a TOML file and a journal meet the same
bounds and the same words.
"""

from __future__ import annotations

import difflib
import math
import re
import types
import typing
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any, Final

import attrs

TEXT_CHARS_MAX: Final = 128  # of a name, a reason, a value to compare with
SYMBOL_CHARS_MAX: Final = 32
NUMBER_MAX: Final = 1e15  # no price, quantity, per cent or time of ours comes near
WHOLE_MAX: Final = 2**63 - 1  # what a record can hold
SECONDS_MAX: Final = 31 * 86_400
QUANTITY_MAX: Final = Decimal(10**9)
DECIMALS_MAX: Final = 8  # of a quantity; IB trades no finer parts of a share
EXACT_DECIMALS: Final = 12
_EXACT_MAX: Final = Decimal(10**15)
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._:+/-]*")

Validator = Callable[[Any, "attrs.Attribute[Any]", Any], None]


def near(word: str, allowed: Iterable[str]) -> str:
    """What is allowed, or the one that was probably meant."""
    names = list(allowed)
    found = difflib.get_close_matches(word, names, 1)
    return f"did you mean {found[0]}?" if found else f"allowed: {', '.join(names)}"


def shown(value: object) -> str:
    """A value of somebody else's, short and safe to print."""
    if isinstance(value, str | int | float | None):
        said = ascii(value)
    else:
        said = str(value) if isinstance(value, Decimal) else f"a {type(value).__name__}"
    return said if len(said) <= 40 else f"{said[:37]}..."


def is_number(value: object) -> bool:
    """A finite number of sane size. A Boolean is an int to Python, but nobody means 1 by it."""
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and abs(value) <= NUMBER_MAX
        and math.isfinite(value)
    )


def is_exact(value: Decimal) -> bool:
    """A decimal of sane size and fineness, so that no sum of such ones can lose a digit."""
    # Not by abs(), which computes: of a text like 1e999999999 it would overflow.
    sane = value.is_finite() and -_EXACT_MAX <= value <= _EXACT_MAX
    return sane and value == round(value, EXACT_DECIMALS)


def as_float(value: Any) -> Any:
    """Converter: integers and decimals become doubles; anything else is for the validator."""
    if isinstance(value, Decimal) and value.is_finite():
        return float(value)
    return float(value) if isinstance(value, int) and is_number(value) else value


def as_decimal(value: Any) -> Any:
    """Converter: numbers and their text become the decimal that was meant."""
    if isinstance(value, bool | Decimal):
        return value
    try:
        return Decimal(repr(value) if isinstance(value, float) else value)
    except (ArithmeticError, TypeError, ValueError):
        return value


def as_tuple(value: Any) -> Any:
    """Converter: lists become tuples, and one word is a tuple of one."""
    if isinstance(value, str):
        return (value,)
    return tuple(value) if isinstance(value, list | tuple) else value


def number(
    low: float = -NUMBER_MAX, high: float = NUMBER_MAX, *, above: float | None = None
) -> Validator:
    """A double within bounds, both included; ``above`` is a lower bound that is not."""
    if above is not None:
        allowed = f"above {above:g}"
    elif high == NUMBER_MAX:
        allowed = "a number" if low == -NUMBER_MAX else f"at least {low:g}"
    else:
        allowed = f"between {low:g} and {high:g}"

    def check(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
        fits = is_number(value) and low <= value <= high
        if not fits or (above is not None and value <= above):
            raise ValueError(f"{attribute.name} must be {allowed}, not {shown(value)}")

    return check


def whole(low: int, high: int) -> Validator:
    """An integer within bounds, both included."""

    def check(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ValueError(
                f"{attribute.name} must be a whole number between {low} and {high}, "
                f"not {shown(value)}"
            )

    return check


def quantity(*, signed: bool = False) -> Validator:
    """Shares, exact: above 0, or of either sign."""
    allowed = "a number of shares (negative: short)" if signed else "a number of shares above 0"

    def check(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
        exact = isinstance(value, Decimal) and value.is_finite()
        fits = exact and -QUANTITY_MAX <= value <= QUANTITY_MAX
        if not fits or (value <= 0 and not signed):
            raise ValueError(f"{attribute.name} must be {allowed}, not {shown(value)}")
        if value != round(value, DECIMALS_MAX):
            raise ValueError(
                f"{attribute.name} must have {DECIMALS_MAX} decimals at most, not {shown(value)}"
            )

    return check


def word(*allowed: str) -> Validator:
    """One of a few words."""

    def check(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
        check_choice(attribute.name, value, allowed)

    return check


def yes_or_no(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if not isinstance(value, bool):
        raise ValueError(f"{attribute.name} must be true or false, not {shown(value)}")


def text(chars_max: int = TEXT_CHARS_MAX, *, empty: bool = True) -> Validator:
    """Any text, within a length."""

    def check(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
        if not isinstance(value, str):
            raise ValueError(f"{attribute.name} must be text, not {shown(value)}")
        if not value and not empty:
            raise ValueError(f"{attribute.name} must not be empty")
        if len(value) > chars_max:
            raise ValueError(
                f"{attribute.name} must have {chars_max} characters at most, not {len(value)}"
            )

    return check


def check_name(what: str, value: object, chars_max: int = TEXT_CHARS_MAX) -> None:
    """A name that is safe in a journal, a command line and a table."""
    if not isinstance(value, str) or not _NAME.fullmatch(value) or len(value) > chars_max:
        raise ValueError(
            f"{what} must be letters, digits and . _ : + / - (and inner spaces), "
            f"{chars_max} at most, not {shown(value)}"
        )


def name(*, empty: bool = False) -> Validator:
    """A name, as ``check_name`` allows it."""

    def check(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
        if value != "" or not empty:
            check_name(attribute.name, value)

    return check


def instance_of(kind: Any, what: str) -> Validator:
    """A record of a class or union; ``what`` says in words which."""

    def check(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
        if not isinstance(value, kind):
            raise ValueError(f"{attribute.name} must be {what}, not {shown(value)}")

    return check


# -- settings made elsewhere -------------------------------------------------------------------


def settings(kind: Any) -> Validator:
    """A record of settings whose own class checks their bounds but not their types: a word that
    is none of the allowed ones, or a distance that is not a number, must not wait to be found
    until it is traded on, or read back."""

    def check(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
        check_settings(attribute.name, value, kind)

    return check


def check_settings(path: str, value: Any, hint: Any) -> None:
    """Compare a value with its annotation, all the way down.

    Raises:
        ValueError: names the path to what does not fit.
    """
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        (hint,) = (one for one in typing.get_args(hint) if one is not types.NoneType)
        if value is None:
            return
    origin = typing.get_origin(hint)
    if origin is typing.Literal:
        check_choice(path, value, typing.get_args(hint))
    elif origin is tuple:
        if not isinstance(value, tuple):
            raise ValueError(f"{path} must be a tuple, not {shown(value)}")
        for place, one in enumerate(value):
            check_settings(f"{path}[{place}]", one, typing.get_args(hint)[0])
    elif attrs.has(hint):
        if type(value) is not hint:  # of a subclass, what it has more would get lost
            raise ValueError(f"{path} must be a {hint.__name__}, not {shown(value)}")
        hints = hints_of(hint)
        for one in attrs.fields(hint):
            check_settings(f"{path}.{one.name}", getattr(value, one.name), hints[one.name])
    else:
        fits, allowed = SCALARS[hint]
        if not fits(value):
            raise ValueError(f"{path} must be {allowed}, not {shown(value)}")


def hints_of(kind: type[Any]) -> dict[str, Any]:
    """The annotations of a class, resolved once."""
    if kind not in _HINTS:
        _HINTS[kind] = typing.get_type_hints(kind)
    return _HINTS[kind]


_HINTS: Final[dict[type, dict[str, Any]]] = {}


def check_choice(path: str, value: Any, allowed: tuple[str, ...]) -> None:
    if not isinstance(value, str) or value not in allowed:
        mend = near(value, allowed) if isinstance(value, str) else near("", allowed)
        raise ValueError(f"{path} cannot be {shown(value)}, {mend}")


SCALARS: Final[dict[Any, tuple[Callable[[Any], bool], str]]] = {
    bool: (lambda value: isinstance(value, bool), "true or false"),
    str: (lambda value: isinstance(value, str), "text"),
    int: (
        lambda value: type(value) is int and -WHOLE_MAX <= value <= WHOLE_MAX,
        "a whole number",
    ),
    float: (is_number, "a number"),
    Decimal: (
        lambda value: isinstance(value, Decimal) and is_exact(value),
        f"a Decimal of {EXACT_DECIMALS} decimals at most",
    ),
}
"""What fits an annotation that is not made of others."""
