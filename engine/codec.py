"""Inputs and commands as canonical JSON, and back, exactly.

A record is an object with one key, the class's name, over its fields in sorted order:
``{"Cancel":{"order_id":7}}``. Decimals are strings with every digit and exponent they had,
tuples are arrays, nested records are objects without a name (their class follows from the
field). Doubles are JSON numbers, whose shortest form reads back as the same double; NaN and the
infinities, which JSON lacks, are the strings ``"NaN"``, ``"Infinity"``, ``"-Infinity"``.

What is written can be read: a value whose type does not fit its field is a defect of ours and
stops here, at the writer, rather than months later in a journal that cannot be replayed. What is
read is checked as strictly, because a journal may come from another version or a broken disk.

Who says what fits are the classes themselves, and that is worked out once, at the start.
"""

from __future__ import annotations

import json
import math
import types
import typing
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, Final, NoReturn

import attrs
import orjson

from _fast.records import Form, Tagged
from engine import commands as _commands
from engine import inputs as _inputs
from engine.commands import Command
from engine.errors import JournalError, UserError
from engine.inputs import Input

INT_MIN: Final = -(2**63)
INT_MAX: Final = 2**64 - 1
Convert = Callable[[Any], Any]
_NON_FINITE: Final = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


class MisfitError(Exception):
    """A value does not fit its field; the text says which and why."""


# -- forms: how the value of one field looks on either side ------------------------------------


@attrs.frozen
class _Form:
    """One alternative of a field's type, for instance the ``Decimal`` of ``Decimal | None``.

    A converter of None means that the value is the same on both sides.
    """

    python_type: type
    encode: Convert | None
    decoders: dict[type, Convert | None]  # by the type that JSON gives


def _float_to_json(value: float) -> float | str:
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _literal(allowed: tuple[Any, ...]) -> _Form:
    assert all(type(word) is str for word in allowed), allowed
    check = {word: word for word in allowed}.__getitem__
    return _Form(str, check, {str: check})


def _repeated(item: _Field) -> _Form:
    def encode(values: tuple[Any, ...]) -> list[Any]:
        return [item.encode(value) for value in values]

    def decode(values: list[Any]) -> tuple[Any, ...]:
        return tuple([item.decode(value) for value in values])

    return _Form(tuple, encode, {list: decode})


def _fixed(items: tuple[_Field, ...]) -> _Form:
    def fitting(values: Sequence[Any]) -> Iterable[tuple[_Field, Any]]:
        if len(values) != len(items):
            raise MisfitError(f"has {len(values)} elements, not {len(items)}")
        return zip(items, values, strict=True)

    def encode(values: tuple[Any, ...]) -> list[Any]:
        return [item.encode(value) for item, value in fitting(values)]

    def decode(values: list[Any]) -> tuple[Any, ...]:
        return tuple([item.decode(value) for item, value in fitting(values)])

    return _Form(tuple, encode, {list: decode})


# The same few sizes and prices come again and again.
_decimal: Final = lru_cache(4096)(Decimal)
_SCALARS: Final = {
    str: _Form(str, None, {str: None}),
    bool: _Form(bool, None, {bool: None}),
    int: _Form(int, None, {int: None}),
    float: _Form(float, _float_to_json, {float: None, str: _NON_FINITE.__getitem__}),
    Decimal: _Form(Decimal, str, {str: _decimal}),
    types.NoneType: _Form(types.NoneType, None, {types.NoneType: None}),
}


def _forms(hint: Any) -> list[_Form]:
    """The alternatives that a type annotation allows."""
    if hint in _SCALARS:
        return [_SCALARS[hint]]
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        return [form for argument in arguments for form in _forms(argument)]
    if origin is typing.Literal:
        return [_literal(arguments)]
    if origin is tuple:
        if arguments[-1] is Ellipsis:
            return [_repeated(_Field(arguments[0]))]
        return [_fixed(tuple(_Field(argument) for argument in arguments))]
    assert attrs.has(hint), f"no JSON form for {hint}"
    shape = _shape(hint)
    return [_Form(hint, shape.form.encode, {dict: shape.form.decode})]


class _Field:
    """The type of one field, with its alternatives by type on either side."""

    def __init__(self, hint: Any) -> None:
        forms = _forms(hint)
        self.encoders = {form.python_type: form.encode for form in forms}
        self.decoders = {kind: step for form in forms for kind, step in form.decoders.items()}
        assert len(self.encoders) == len(forms), f"{hint}: two alternatives of one type"
        assert len(self.decoders) == sum(len(form.decoders) for form in forms), hint

    def encode(self, value: Any) -> Any:
        return _convert(_lookup(self.encoders, type(value)), value)

    def decode(self, value: Any) -> Any:
        return _convert(_lookup(self.decoders, type(value)), value)


def _convert(convert: Convert | None, value: Any) -> Any:
    if convert is None:
        return value
    try:
        return convert(value)
    except KeyError:
        raise MisfitError(f"has no value {value!r}") from None
    except InvalidOperation:
        raise MisfitError(f"{value!r} is not a decimal") from None


def _lookup(converters: dict[type, Convert | None], kind: type) -> Convert | None:
    if kind not in converters:
        expected = " or ".join(sorted(allowed.__name__ for allowed in converters))
        raise MisfitError(f"is {kind.__name__}, not {expected}")
    return converters[kind]


# -- shapes: how a whole class looks ----------------------------------------------------------


class _Shape:
    """Field order, types and conversions of one record class. Compiled code takes what fits; this
    one takes the bodies of older versions, and says what is wrong with the others."""

    def __init__(self, cls: type) -> None:
        hints = typing.get_type_hints(cls)
        self.cls: Callable[..., Any] = cls
        self.name = cls.__name__
        self.attributes = attrs.fields(cls)
        self.required = frozenset(a.name for a in self.attributes if a.default is attrs.NOTHING)
        self.fields = {a.name: _Field(hints[a.name]) for a in self.attributes}
        assert not any(isinstance(a.default, attrs.Factory) for a in self.attributes), cls  # type: ignore[arg-type]
        self.form = Form(
            cls,
            [(name, one.encoders, one.decoders) for name, one in self.fields.items()],
            self._encode_slowly,
            self._decode_slowly,
        )

    def _encode_slowly(self, record: Any) -> dict[str, Any]:
        return {
            name: self._named(name, self.fields[name].encode, getattr(record, name))
            for name in sorted(self.fields)
        }

    def _decode_slowly(self, body: dict[str, Any]) -> Any:
        """An older version may lack fields that have got a default since; anything else is
        refused."""
        for name in sorted(body.keys() - self.fields.keys()):
            raise MisfitError(f"{self.name} has no field {name!r}")
        for name in sorted(self.required - body.keys()):
            raise MisfitError(f"{self.name} lacks its field {name!r}")
        values = [
            self._named(a.name, self.fields[a.name].decode, body[a.name])
            if a.name in body
            else a.default
            for a in self.attributes
        ]
        try:
            return self.cls(*values)
        except (UserError, ArithmeticError, ValueError, TypeError) as problem:
            raise MisfitError(f"{self.name}: {problem}") from None

    def _named(self, name: str, convert: Convert, value: Any) -> Any:
        try:
            return convert(value)
        except MisfitError as problem:
            raise MisfitError(f"{self.name}.{name} {problem}") from None


_SHAPES: Final[dict[type, _Shape]] = {}


def _shape(cls: type) -> _Shape:
    if cls not in _SHAPES:
        _SHAPES[cls] = _Shape(cls)
    return _SHAPES[cls]


def _subclasses(base: type) -> list[type]:
    # Defining a slotted attrs class leaves the class it was made from behind until it is
    # collected, so the module says which classes are real.
    home = _inputs if base is Input else _commands
    found: list[type] = base.__subclasses__()
    return [cls for cls in found if getattr(home, cls.__name__, None) is cls]


def _tagged(classes: list[type]) -> Tagged:
    assert len({cls.__name__ for cls in classes}) == len(classes), "two records of one name"
    return Tagged({cls: _shape(cls).form for cls in classes}, _no_record, _no_tree)


def _no_record(record: Any) -> NoReturn:
    raise AssertionError(f"{type(record).__name__} is neither an input nor a command")


def _no_tree(tree: Any) -> NoReturn:
    if type(tree) is not dict or len(tree) != 1:
        raise MisfitError("not an object with the class name as its one key")
    ((name, body),) = tree.items()
    if type(body) is not dict:
        raise MisfitError(f"{name} is not an object")
    for cls in record_classes():
        if cls.__name__ == name:
            place = "an input" if issubclass(cls, Command) else "a command"
            raise MisfitError(f"{name} is not {place}")
    raise MisfitError(f"unknown class {name!r}")


_INPUT_CLASSES: Final = _subclasses(Input)
_COMMAND_CLASSES: Final = _subclasses(Command)
_INPUTS: Final = _tagged(_INPUT_CLASSES)
_COMMANDS: Final = _tagged(_COMMAND_CLASSES)
_RECORDS: Final = _tagged([*_INPUT_CLASSES, *_COMMAND_CLASSES])
_STEP: Final = frozenset({"commands", "inputs", "now_ns"})


# -- what others call --------------------------------------------------------------------------


def record_classes() -> tuple[type, ...]:
    """Every input and command class that can be stored."""
    return (*_INPUT_CLASSES, *_COMMAND_CLASSES)


def to_json(record: Input | Command) -> bytes:
    """The canonical JSON of one record.

    Raises:
        AssertionError: a value does not fit its field's type; names class and field.
    """
    (tree,) = _trees(_RECORDS, (record,))
    return dumps(tree)


def check(request: Input) -> None:
    """Refuse what ``to_json`` would stop at, to whoever asks for it.

    Raises:
        UserError: a value does not fit its field's type; names class and field.
    """
    try:
        _INPUTS.encode((request,))
    except MisfitError as problem:
        raise UserError(str(problem)) from None


def from_json(data: bytes) -> Input | Command:
    """The record that ``to_json`` wrote.

    Raises:
        JournalError: not JSON, an unknown class or field, or a value that does not fit.
    """
    try:
        record: Input | Command
        (record,) = _RECORDS.decode([loads(data)])
    except MisfitError as problem:
        raise JournalError(f"record cannot be read: {problem}") from None
    return record


def step_to_json(now_ns: int, inputs: Iterable[Input], commands: Iterable[Command]) -> bytes:
    """One step of the core: ``{"commands":[…],"inputs":[…],"now_ns":…}``. Raises as to_json."""
    return dumps({"commands": trees(commands), "inputs": _trees(_INPUTS, inputs), "now_ns": now_ns})


def trees(commands: Iterable[Command]) -> list[dict[str, Any]]:
    """Commands as ``step_to_json`` would have them, before they are text. Raises as to_json."""
    return _trees(_COMMANDS, commands)


def _trees(tagged: Tagged, records: Iterable[Any]) -> list[dict[str, Any]]:
    try:
        return tagged.encode(records)
    except MisfitError as problem:
        raise AssertionError(str(problem)) from None


def step_from_json(data: bytes) -> tuple[int, tuple[Input, ...], tuple[Command, ...]]:
    """(now_ns, inputs, commands) as given to ``step_to_json``. Raises as from_json."""
    try:
        step = loads(data)
    except MisfitError as problem:
        raise JournalError(f"record cannot be read: {problem}") from None
    return step_from_tree(step)


def step_from_tree(step: Any) -> tuple[int, tuple[Input, ...], tuple[Command, ...]]:
    """The same of what JSON has made of it. Raises as from_json."""
    try:
        if type(step) is not dict or step.keys() != _STEP:
            raise MisfitError("a step has commands, inputs and now_ns")
        now_ns, inputs, commands = step["now_ns"], step["inputs"], step["commands"]
        if type(now_ns) is not int or type(inputs) is not list or type(commands) is not list:
            raise MisfitError("a step has an integer now_ns and arrays of inputs and commands")
        return now_ns, _INPUTS.decode(inputs), _COMMANDS.decode(commands)
    except MisfitError as problem:
        raise JournalError(f"record cannot be read: {problem}") from None


def dumps(tree: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(tree)
    except TypeError:
        # Text that was not UTF-8 on the wire is kept as lone surrogates (time zones and error
        # texts do arrive garbled). Only the escaped form can hold those, and an order's record
        # must never fail for a garbled text.
        _refuse_long_integers(tree)
        return json.dumps(tree, separators=(",", ":")).encode("ascii")


def _refuse_long_integers(tree: Any) -> None:
    """The reader would turn an integer of more than 64 bits into a double."""
    if isinstance(tree, dict):
        tree = list(tree.values())
    if isinstance(tree, list):
        for item in tree:
            _refuse_long_integers(item)
    elif isinstance(tree, int) and not INT_MIN <= tree <= INT_MAX:
        raise AssertionError(f"an integer of {tree.bit_length()} bits has no place in a record")


def loads(data: bytes) -> Any:
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        pass
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as problem:
        raise MisfitError(f"not JSON: {problem}") from None
