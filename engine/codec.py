"""Inputs and commands as canonical JSON, and back, exactly.

A record is an object with one key, the class's name, over its fields in sorted order:
``{"Cancel":{"order_id":7}}``. Decimals are strings with every digit and exponent they had,
tuples are arrays, nested records are objects without a name (their class follows from the
field). Doubles are JSON numbers, whose shortest form reads back as the same double; NaN and the
infinities, which JSON lacks, are the strings ``"NaN"``, ``"Infinity"``, ``"-Infinity"``.

What is written can be read: a value whose type does not fit its field is a defect of ours and
stops here, at the writer, rather than months later in a journal that cannot be replayed. What is
read is checked as strictly, because a journal may come from another version or a broken disk.

Both directions look at the types of all values of a record at once, and keep for each
combination they have met the list of what there is to convert. A record that has the shape of
an earlier one therefore costs no check per field.
"""

from __future__ import annotations

import json
import math
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal, InvalidOperation
from operator import attrgetter, itemgetter
from typing import Any, Final, cast

import attrs
import orjson

from engine import commands as _commands
from engine import inputs as _inputs
from engine.commands import Command
from engine.errors import JournalError, UserError
from engine.inputs import Input

INT_MIN: Final = -(2**63)
INT_MAX: Final = 2**64 - 1
Convert = Callable[[Any], Any]
Plan = tuple[tuple[int, Convert], ...]
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


_SCALARS: Final = {
    str: _Form(str, None, {str: None}),
    bool: _Form(bool, None, {bool: None}),
    int: _Form(int, None, {int: None}),
    float: _Form(float, _float_to_json, {float: None, str: _NON_FINITE.__getitem__}),
    Decimal: _Form(Decimal, str, {str: Decimal}),
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
    return [_Form(hint, shape.encode, {dict: shape.decode})]


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


def _getter(fetch: Callable[..., Any], names: tuple[str, ...]) -> Callable[[Any], Any]:
    """attrgetter or itemgetter of ``names``, always giving a tuple."""
    if len(names) > 1:
        return cast("Callable[[Any], Any]", fetch(*names))
    if not names:
        return lambda _: ()
    one = fetch(names[0])
    return lambda value: (one(value),)


class _Shape:
    """Field order, types and conversions of one record class."""

    def __init__(self, cls: type) -> None:
        hints = typing.get_type_hints(cls)
        declared = tuple(attribute.name for attribute in attrs.fields(cls))
        self.cls: Callable[..., Any] = cls
        self.name = cls.__name__
        self.names = tuple(sorted(declared))  # canonical: keys are sorted
        self.declared = declared  # the constructor's order
        self.required = frozenset(a.name for a in attrs.fields(cls) if a.default is attrs.NOTHING)
        self.fields = {name: _Field(hints[name]) for name in declared}
        assert not any(isinstance(a.default, attrs.Factory) for a in attrs.fields(cls)), cls  # type: ignore[arg-type]
        self.key_set = frozenset(declared)
        self.values_of = _getter(attrgetter, self.names)
        self.items_of = _getter(itemgetter, declared)
        # One entry per combination of types that fits: bounded by the fields' alternatives.
        self.encode_plans: dict[tuple[type, ...], Plan] = {}
        self.decode_plans: dict[tuple[type, ...], Plan] = {}

    def encode(self, record: Any) -> dict[str, Any]:
        values = self.values_of(record)
        kinds = tuple(map(type, values))
        plan = self.encode_plans.get(kinds)
        if plan is None:
            plan = self.encode_plans[kinds] = self._plan(kinds, self.names, "encoders")
        body = dict(zip(self.names, values, strict=True))
        for position, convert in plan:
            name = self.names[position]
            try:
                body[name] = convert(body[name])
            except (KeyError, InvalidOperation, MisfitError) as problem:
                raise self._misfit(name, body[name], problem) from None
        return body

    def decode(self, body: dict[str, Any]) -> Any:
        if body.keys() != self.key_set:
            return self._decode_partial(body)
        values = self.items_of(body)
        kinds = tuple(map(type, values))
        plan = self.decode_plans.get(kinds)
        if plan is None:
            plan = self.decode_plans[kinds] = self._plan(kinds, self.declared, "decoders")
        return self._build(self._apply(plan, values) if plan else values)

    def _build(self, values: Iterable[Any]) -> Any:
        try:
            return self.cls(*values)
        except (UserError, ArithmeticError, ValueError, TypeError) as problem:
            raise MisfitError(f"{self.name}: {problem}") from None

    def _decode_partial(self, body: dict[str, Any]) -> Any:
        """A body whose keys are not exactly the fields: an older version may lack those that
        have got a default since; anything else is refused."""
        for name in sorted(body.keys() - self.key_set):
            raise MisfitError(f"{self.name} has no field {name!r}")
        for name in sorted(self.required - body.keys()):
            raise MisfitError(f"{self.name} lacks its field {name!r}")
        values = []
        for attribute in attrs.fields(cast("type", self.cls)):
            if attribute.name not in body:
                values.append(attribute.default)
                continue
            try:
                values.append(self.fields[attribute.name].decode(body[attribute.name]))
            except MisfitError as problem:
                raise MisfitError(f"{self.name}.{attribute.name} {problem}") from None
        return self._build(values)

    def _plan(self, kinds: tuple[type, ...], names: tuple[str, ...], side: str) -> Plan:
        steps = []
        for position, (kind, name) in enumerate(zip(kinds, names, strict=True)):
            try:
                convert = _lookup(getattr(self.fields[name], side), kind)
            except MisfitError as problem:
                raise MisfitError(f"{self.name}.{name} {problem}") from None
            if convert is not None:
                steps.append((position, convert))
        return tuple(steps)

    def _apply(self, plan: Plan, values: Iterable[Any]) -> list[Any]:
        changed = list(values)
        for position, convert in plan:
            try:
                changed[position] = convert(changed[position])
            except (KeyError, InvalidOperation, MisfitError) as problem:
                raise self._misfit(self.declared[position], changed[position], problem) from None
        return changed

    def _misfit(self, name: str, value: Any, problem: Exception) -> MisfitError:
        told = problem if isinstance(problem, MisfitError) else f"has no value {value!r}"
        return MisfitError(f"{self.name}.{name} {told}")


_NESTED: Final[dict[type, _Shape]] = {}


def _shape(cls: type) -> _Shape:
    if cls not in _NESTED:
        _NESTED[cls] = _Shape(cls)
    return _NESTED[cls]


def _subclasses(base: type) -> Iterator[type]:
    # Defining a slotted attrs class leaves the class it was made from behind until it is
    # collected, so the module says which classes are real.
    home = _inputs if base is Input else _commands
    found: list[type] = base.__subclasses__()
    return (cls for cls in found if getattr(home, cls.__name__, None) is cls)


_RECORDS: Final[tuple[type, ...]] = (*_subclasses(Input), *_subclasses(Command))
_BY_CLASS: Final = {record: _shape(record) for record in _RECORDS}
_BY_NAME: Final = {cls.__name__: shape for cls, shape in _BY_CLASS.items()}
assert len(_RECORDS) == len(_BY_NAME), "two records of one name"


# -- what others call --------------------------------------------------------------------------


def record_classes() -> tuple[type, ...]:
    """Every input and command class that can be stored."""
    return _RECORDS


def to_json(record: Input | Command) -> bytes:
    """The canonical JSON of one record.

    Raises:
        AssertionError: a value does not fit its field's type; names class and field.
    """
    return dumps(_tagged(record))


def from_json(data: bytes) -> Input | Command:
    """The record that ``to_json`` wrote.

    Raises:
        JournalError: not JSON, an unknown class or field, or a value that does not fit.
    """
    try:
        return cast("Input | Command", _untagged(loads(data)))
    except MisfitError as problem:
        raise JournalError(f"record cannot be read: {problem}") from None


def step_to_json(now_ns: int, inputs: Iterable[Input], commands: Iterable[Command]) -> bytes:
    """One step of the core: ``{"commands":[…],"inputs":[…],"now_ns":…}``. Raises as to_json."""
    return dumps(
        {
            "commands": trees(commands),
            "inputs": [_tagged(event) for event in inputs],
            "now_ns": now_ns,
        }
    )


def trees(commands: Iterable[Command]) -> list[dict[str, Any]]:
    """Commands as ``step_to_json`` would have them, before they are text. Raises as to_json."""
    return [_tagged(command) for command in commands]


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
        if type(step) is not dict or step.keys() != {"commands", "inputs", "now_ns"}:
            raise MisfitError("a step has commands, inputs and now_ns")
        now_ns, inputs, commands = step["now_ns"], step["inputs"], step["commands"]
        if type(now_ns) is not int or type(inputs) is not list or type(commands) is not list:
            raise MisfitError("a step has an integer now_ns and arrays of inputs and commands")
        return (
            now_ns,
            tuple([_member(item, Input) for item in inputs]),
            tuple([_member(item, Command) for item in commands]),
        )
    except MisfitError as problem:
        raise JournalError(f"record cannot be read: {problem}") from None


def _tagged(record: Input | Command) -> dict[str, Any]:
    shape = _BY_CLASS.get(type(record))
    if shape is None:
        raise AssertionError(f"{type(record).__name__} is neither an input nor a command")
    try:
        return {shape.name: shape.encode(record)}
    except MisfitError as problem:
        raise AssertionError(str(problem)) from None


def _untagged(data: Any) -> Any:
    if type(data) is not dict or len(data) != 1:
        raise MisfitError("not an object with the class name as its one key")
    ((name, body),) = data.items()
    shape = _BY_NAME.get(name)
    if shape is None:
        raise MisfitError(f"unknown class {name!r}")
    if type(body) is not dict:
        raise MisfitError(f"{name} is not an object")
    return shape.decode(body)


def _member(data: Any, base: type) -> Any:
    record = _untagged(data)
    if not isinstance(record, base):
        raise MisfitError(f"{type(record).__name__} is not an {base.__name__.lower()}")
    return record


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
