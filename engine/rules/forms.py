"""Records from plain data (TOML, JSON) and back, checked where they come in.

Data may come from anywhere: it is measured before anything is built of it, nothing is guessed
from a wrong type, and a refusal names the path to what is wrong and what is allowed there.
"""

from __future__ import annotations

import typing
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final, Literal, NoReturn

import attrs
import cattrs
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override

from engine.rules.checks import SCALARS, check_choice, hints_of, is_exact, is_number, near, shown

RULE_BYTES_MAX: Final = 65_536
PLAIN_DEPTH_MAX: Final = 32
PLAIN_ITEMS_MAX: Final = 8_192
PROBLEMS_TOLD_MAX: Final = 3
DECIMAL_CHARS_MAX: Final = 40
KIND: Final = "kind"  # the key that says which record of a union is meant

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
    plain: dict[str, Any] = {
        one.name: override(struct_hook=_as_it_is)
        for one in attrs.fields(cls)
        if not _holds_records(hints[one.name])
    }
    build = make_dict_structure_fn(cls, converter, _cattrs_forbid_extra_keys=True, **plain)
    dump = make_dict_unstructure_fn(cls, converter)

    def structure(data: Any, _: Any) -> Any:
        if isinstance(data, cls):
            return data
        if not isinstance(data, Mapping):
            refuse(f"must be a table, not {shown(data)}", cls)
        return build(data, cls)

    converter.register_structure_hook(cls, structure)
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

    def structure(data: Any, _: Any) -> Any:
        if isinstance(data, tuple(kinds.values())):
            return data
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


def _as_it_is(value: Any, _: Any) -> Any:
    return value


def _holds_records(hint: Any) -> bool:
    return attrs.has(hint) or any(map(_holds_records, typing.get_args(hint)))


# -- settings of a trade -----------------------------------------------------------------------


def be_strict(converter: cattrs.Converter) -> None:
    """Make a converter take values as they are meant: no number from text, no text from a
    number, no yes or no as 1 or 0, no list of letters from a word; finite numbers only. One
    table, or none, may stand where a list of tables is asked for."""
    for kind, (fits, what) in SCALARS.items():
        converter.register_structure_hook(kind, _scalar(kind, fits, what))
    converter.register_structure_hook(Decimal, _scalar(Decimal, _is_decimal, "a number"))
    converter.register_unstructure_hook(Decimal, str)
    # A program may write 2 for 2.0: both are the same, and are written the same.
    converter.register_unstructure_hook_func(
        lambda kind: kind in (float, float | None),
        lambda value: None if value is None else float(value),
    )
    converter.register_structure_hook_func(_is_choice, _structure_choice)
    converter.register_structure_hook_func(
        _is_list, lambda value, kind: _list(converter, value, kind)
    )
    converter.register_structure_hook_factory(attrs.has, lambda cls: _table(converter, cls))


def _is_decimal(value: Any) -> bool:
    if isinstance(value, str):
        try:
            value = Decimal(value) if len(value) <= DECIMAL_CHARS_MAX else None
        except ArithmeticError:
            return False
    return is_exact(value) if isinstance(value, Decimal) else is_number(value)


def _scalar(kind: Any, fits: Callable[[Any], bool], what: str) -> Hook:
    def structure(value: Any, _: Any) -> Any:
        if not fits(value):
            refuse(f"must be {what}, not {shown(value)}", kind)
        # The shortest text of a double is what was written; its binary value is not.
        return kind(repr(value)) if kind is Decimal and isinstance(value, float) else kind(value)

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


def _list(converter: cattrs.Converter, value: Any, kind: Any) -> tuple[Any, ...]:
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


def _table(converter: cattrs.Converter, cls: Any) -> Hook:
    build = make_dict_structure_fn(cls, converter, _cattrs_forbid_extra_keys=True)

    def structure(data: Any, _: Any) -> Any:
        if isinstance(data, cls):
            return data
        if not isinstance(data, Mapping):
            refuse(f"must be a table, not {shown(data)}", cls)
        return build(data, cls)

    return structure


# -- what is wrong -----------------------------------------------------------------------------


def told(problem: BaseException) -> str:
    """The first three things that are wrong, each after its path."""
    messages = cattrs.transform_error(problem, path="", format_exception=_told)
    return "; ".join(map(_path_first, messages[:PROBLEMS_TOLD_MAX]))


def _path_first(message: str) -> str:
    said, _, path = message.rpartition(" @ ")
    return f"{path.removeprefix('.')}: {said}" if path else said


def _told(problem: BaseException, _: Any) -> str:
    if isinstance(problem, cattrs.ForbiddenExtraKeysError):
        allowed = [one.name for one in attrs.fields(problem.cl)]
        keys = sorted(problem.extra_fields)[:PROBLEMS_TOLD_MAX]
        return "; ".join(f"unknown key {shown(key)}, {near(key, allowed)}" for key in keys)
    return "is missing" if isinstance(problem, KeyError) else str(problem)
