"""Records from plain data (TOML, JSON) and back, checked where they come in.

Data may come from anywhere: it is measured before anything is built of it, nothing is guessed
from a wrong type, and a refusal names the path to what is wrong and what is allowed there.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Collection, Mapping
from decimal import Decimal
from typing import Any, Final, Literal, NoReturn, cast

import attrs
import cattrs
from cattrs.gen import make_dict_unstructure_fn

from engine.money import FAR
from engine.rules.checks import (
    EXACT_DECIMALS,
    SCALARS,
    check_choice,
    hints_of,
    is_exact,
    near,
    shown,
)
from engine.rules.mistakes import Mistake, MistakesError, at_field, said

RULE_BYTES_MAX: Final = 65_536
PLAIN_DEPTH_MAX: Final = 32
PLAIN_ITEMS_MAX: Final = 8_192
DECIMAL_CHARS_MAX: Final = 40
KIND: Final = "kind"  # the key that says which record of a union is meant

_FACTORY: Final[Any] = type(attrs.Factory(dict))
Hook = Callable[[Any, Any], Any]


def refuse(said: str, kind: Any) -> NoReturn:
    """One line, in the form in which cattrs adds the path to it."""
    raise cattrs.ClassValidationError(said, [ValueError(said)], kind)


def check_size(data: Any) -> None:
    """Refuse what is nested too deep or too large to be a rule, before recursing into it.

    Raises:
        ValueError: says which bound.
    """
    waiting, items = [(data, 1)], 0
    while waiting:
        value, depth = waiting.pop()
        items += 1
        if items > PLAIN_ITEMS_MAX:
            raise ValueError(f"more than {PLAIN_ITEMS_MAX} values, no rule is so large")
        if not isinstance(value, Mapping | list | tuple):
            continue
        if depth >= PLAIN_DEPTH_MAX:
            raise ValueError(f"nested {PLAIN_DEPTH_MAX} deep, no rule is so deep")
        inner = value.values() if isinstance(value, Mapping) else value
        waiting.extend((one, depth + 1) for one in inner)


# -- records -----------------------------------------------------------------------------------


def add_record(converter: cattrs.Converter, cls: type[Any], kind: str | None = None) -> None:
    """Teach a converter one of our records, which check their plain fields themselves.

    With ``kind``, it is written with that key, as a member of a union.
    """
    hints = hints_of(cls)
    plain = {one.name for one in attrs.fields(cls) if not _holds_records(hints[one.name])}
    dump = make_dict_unstructure_fn(cls, converter)
    converter.register_structure_hook(cls, _table(converter, cls, plain))
    if kind is None:
        converter.register_unstructure_hook(cls, dump)
    else:
        converter.register_unstructure_hook(cls, lambda record: {KIND: kind, **dump(record)})


def add_union(
    converter: cattrs.Converter,
    unions: tuple[Any, ...],
    kinds: Mapping[str, type[Any]],
    what: str,
    from_list: Callable[[list[Any]], dict[str, Any]],
    from_text: Callable[[str], Any] | None = None,
) -> None:
    """Teach a converter a union of records, told apart by their key ``kind``.

    ``unions`` are all the types under which it is asked for, also of a part of the kinds. A list
    stands for the table that ``from_list`` makes of it, a text for the record of ``from_text``.
    """
    for kind, cls in kinds.items():
        add_record(converter, cls, kind)

    def structure(data: Any, wanted: Any) -> Any:
        if isinstance(data, tuple(kinds.values())):
            return data
        if data is None and types.NoneType in typing.get_args(wanted):
            return None
        if isinstance(data, str) and from_text is not None:
            try:
                return from_text(data)
            except ValueError as problem:
                raise cattrs.ClassValidationError(str(problem), [problem], unions[0]) from None
        if isinstance(data, list | tuple):
            data = from_list(list(data))
        if not isinstance(data, Mapping):
            refuse(f"{what} must be a table with a kind, not {shown(data)}", unions[0])
        rest = dict(data)
        kind = rest.pop(KIND, None)
        if kind is None:
            refuse(f"{what} needs a kind: {', '.join(kinds)}", unions[0])
        if not isinstance(kind, str) or kind not in kinds:
            mend = near(kind, kinds) if isinstance(kind, str) else near("", kinds)
            refuse(f"there is no {what} of kind {shown(kind)}, {mend}", unions[0])
        return converter.structure(rest, kinds[kind])

    converter.register_structure_hook_func(lambda kind: kind in unions, structure)


def _holds_records(hint: Any) -> bool:
    return attrs.has(hint) or any(map(_holds_records, typing.get_args(hint)))


# -- settings of a trade -----------------------------------------------------------------------


def be_strict(converter: cattrs.Converter) -> None:
    """Make a converter take values as they are meant: no number from text, no text from a
    number, no yes or no as 1 or 0, no list of letters from a word; finite numbers only. One
    table, or none, may stand where a list of tables is asked for."""
    for kind, (fits, what) in SCALARS.items():
        converter.register_structure_hook(kind, _scalar(kind, fits, what))
    converter.register_structure_hook(Decimal, _decimal)
    converter.register_unstructure_hook(Decimal, str)
    # A program may write 2 for 2.0: both are the same, and are written the same.
    converter.register_unstructure_hook_func(
        lambda kind: kind in (float, float | None),
        lambda value: None if value is None else float(value),
    )
    converter.register_structure_hook_func(_is_choice, _structure_choice)
    converter.register_structure_hook_func(
        _is_list, lambda value, kind: as_list(converter, value, kind)
    )
    converter.register_structure_hook_factory(attrs.has, lambda cls: _table(converter, cls))


def _decimal(value: Any, kind: Any) -> Decimal:
    """As it was written: the shortest text of a double is, its binary value is not."""
    number = _number(value)
    if number is None:
        refuse(f"must be a number, not {shown(value)}", kind)
    if not is_exact(number):
        refuse(f"must have {EXACT_DECIMALS} decimals at most, not {shown(value)}", kind)
    return number


def _number(value: Any) -> Decimal | None:
    if isinstance(value, str) and len(value) > DECIMAL_CHARS_MAX:
        return None
    if not isinstance(value, str | int | float | Decimal) or isinstance(value, bool):
        return None
    try:
        number = Decimal(repr(value) if isinstance(value, float) else value)
    except ArithmeticError:
        return None
    return number if number.is_finite() and -FAR <= number <= FAR else None


def _scalar(kind: Any, fits: Callable[[Any], bool], what: str) -> Hook:
    def structure(value: Any, _: Any) -> Any:
        if not fits(value):
            refuse(f"must be {what}, not {shown(value)}", kind)
        return kind(value)

    return structure


def _is_choice(kind: Any) -> bool:
    return typing.get_origin(kind) is Literal


def _structure_choice(value: Any, kind: Any) -> Any:
    try:
        check_choice("", value, typing.get_args(kind))
    except ValueError as problem:
        refuse(str(problem).strip(), kind)
    return value


def _is_list(kind: Any) -> bool:
    return typing.get_origin(kind) is tuple and typing.get_args(kind)[-1] is Ellipsis


def as_list(converter: cattrs.Converter, value: Any, kind: Any) -> tuple[Any, ...]:
    """A tuple of one kind; of tables, one may stand for a list of one, and none is empty."""
    item = typing.get_args(kind)[0]
    if attrs.has(item):
        if value is None:
            return ()
        value = [value] if isinstance(value, Mapping) else value
    if not isinstance(value, list | tuple):
        refuse(f"must be a list, not {shown(value)}", kind)
    found, problems = [], []
    for place, one in enumerate(value):
        try:
            found.append(converter.structure(one, item))
        except (cattrs.BaseValidationError, ValueError, TypeError) as problem:
            problem.add_note(cattrs.IterableValidationNote(f"at {place}", place, item))
            problems.append(problem)
    if problems:
        raise cattrs.IterableValidationError("list", problems, kind)
    return tuple(found)


def _table(converter: cattrs.Converter, cls: Any, plain: Collection[str] = ()) -> Hook:
    def structure(data: Any, _: Any) -> Any:
        return data if isinstance(data, cls) else build(converter, cls, data, plain)

    return structure


def build(converter: cattrs.Converter, cls: Any, data: Any, plain: Collection[str] = ()) -> Any:
    """A record from a table; the fields in ``plain`` are taken as they are.

    Raises:
        ClassValidationError: everything that is wrong, not only the first of it.
    """
    values, problems = partly(converter, cls, data, plain)
    for one in attrs.fields(cls):
        if one.default is attrs.NOTHING and one.name not in data:
            problems.append(at_field(ValueError("is missing"), one.name, cls))
    try:
        if not problems:
            return cls(**values)
        if (crossed := getattr(cls, "crossed", None)) and (found := crossed(values)):
            problems.append(MistakesError(found))
    except ValueError as problem:
        problems.append(problem)
    raise cattrs.ClassValidationError(f"not a {cls.__name__}", problems, cls)


def partly(
    converter: cattrs.Converter, cls: Any, data: Any, plain: Collection[str] = ()
) -> tuple[dict[str, Any], list[Exception]]:
    """The fields that a table gives and that are right, and what is wrong with the others."""
    if not isinstance(data, Mapping):
        refuse(f"must be a table, not {shown(data)}", cls)
    fields, hints = attrs.fields_dict(cls), hints_of(cls)
    values: dict[str, Any] = {}
    problems: list[Exception] = []
    if unknown := {key for key in data if key not in fields}:
        problems.append(cattrs.ForbiddenExtraKeysError("unknown keys", cls, unknown))
    blank = cls.__new__(cls)  # validators look at the fields before theirs
    for name, one in fields.items():
        try:
            if name in data:
                value = _off(data[name], hints[name])
                if name not in plain:
                    value = converter.structure(value, hints[name])
                values[name] = value
            else:
                value = one.default
                if value is attrs.NOTHING or isinstance(value, _FACTORY):
                    continue
            _validate(blank, one, value)
        except (cattrs.BaseValidationError, ValueError, TypeError) as problem:
            values.pop(name, None)
            problems.append(_placed(problem, one, cls))
    return values, problems


def _off(value: Any, hint: Any) -> Any:
    """TOML has no word for none: ``false`` switches off what is optional."""
    optional = typing.get_origin(hint) in (types.UnionType, typing.Union)
    return None if value is False and optional and bool not in typing.get_args(hint) else value


def _validate(blank: Any, one: attrs.Attribute[Any], value: Any) -> None:
    if one.converter is not None:
        value = cast("Callable[[Any], Any]", one.converter)(value)
    object.__setattr__(blank, one.name, value)
    if one.validator is not None:
        try:
            one.validator(blank, one, value)
        except (AttributeError, KeyError):
            return  # it looks at another field, which is wrong itself and told by itself


def _placed(problem: Exception, one: attrs.Attribute[Any], cls: Any) -> Exception:
    if isinstance(problem, cattrs.BaseValidationError):
        return at_field(problem, one.name, cls)
    return MistakesError([Mistake((), said(problem), one.name)])  # validators name their field
