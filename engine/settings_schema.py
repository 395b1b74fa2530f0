"""The JSON schema of a file of settings, for editors, made from the records themselves.

A schema says which keys there are, which types and words they take and what is above 0. What must
fit together (one of three sizes, levels that rise) only ``engine check`` knows.
"""

from __future__ import annotations

import types
import typing
from decimal import Decimal
from typing import Any, Final, Literal

import attrs

from engine import plans
from engine.config import CONVERTER, Config, Strategy
from engine.rules import Pattern
from engine.rules.actions import Action, Single
from engine.rules.checks import as_tuple, hints_of
from engine.rules.comparisons import Comparison
from engine.rules.conditions import Condition
from engine.rules.forms import KIND
from engine.rules.rule import ACTION_KINDS, CONDITION_KINDS

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
Schema = dict[str, Any]

_PLAIN: Final[dict[Any, Schema]] = {
    bool: {"type": "boolean"},
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    Decimal: {"type": ["number", "string"], "pattern": r"^[+-]?[0-9.]+([eE][+-]?[0-9]{1,3})?$"},
}
_BOUNDS: Final[dict[Any, Schema]] = {
    plans.positive: {"exclusiveMinimum": 0},
    plans.not_negative: {"minimum": 0},
    plans.fraction: {"minimum": 0, "maximum": 1},
}


def schema() -> Schema:
    """The whole of it."""
    made = _Schemas()
    root = made.table(Config)
    return {"$schema": DIALECT, "title": "Settings of the engine", **root, "$defs": made.named}


class _Schemas:
    def __init__(self) -> None:
        self.named: dict[str, Schema] = {}

    def table(self, cls: Any, kind: str = "") -> Schema:
        """A record as a table, with the key ``kind`` if it is one of a union."""
        hints, dump = hints_of(cls), CONVERTER.unstructure
        properties: dict[str, Schema] = {}
        required = []
        if kind:
            properties[KIND] = {"const": kind}
            required.append(KIND)
        for one in attrs.fields(cls):
            found = self._of(hints[one.name])
            if one.converter is as_tuple:  # one may stand for a list of one
                found = {"anyOf": [found["items"], found]}
            bound = _bound(one.validator)
            found = _bounded(found, bound) if bound is not None else found
            if one.default is attrs.NOTHING:
                required.append(one.name)
            elif not isinstance(one.default, attrs.Factory):  # type: ignore[arg-type]
                plain = dump(one.default)
                if plain is not None:
                    found = {**found, "default": plain}
            properties[one.name] = found
        if cls is Strategy:
            properties.update(self._apart())
        return {
            "type": "object",
            "description": " ".join((cls.__doc__ or "").split()),
            "properties": properties,
            "required": required,
            "additionalProperties": False,
        }

    def _apart(self) -> dict[str, Schema]:
        """What is different for single symbols, and what templates say."""
        self._name(Pattern)
        template = {"type": "string", "description": "The name of a template."}
        own = {**self.named["Pattern"], "description": "What is different for this symbol."}
        own["properties"] = {**own["properties"], "template": template}
        return {
            "symbol": {"type": "object", "additionalProperties": {"anyOf": [template, own]}},
            "template": {"type": "object", "additionalProperties": self._name(Pattern)},
        }

    def _name(self, cls: Any, kind: str = "") -> Schema:
        """A record under its name, made once."""
        if cls.__name__ not in self.named:
            self.named[cls.__name__] = {}  # it may hold itself
            self.named[cls.__name__] = self.table(cls, kind)
        return {"$ref": f"#/$defs/{cls.__name__}"}

    def _of(self, hint: Any) -> Schema:
        if hint == Condition or hint == Condition | None:
            found = self._union(CONDITION_KINDS, "condition", text=True)
            return found if hint == Condition else {"anyOf": [found, {"const": False}]}
        if hint in (Action, Single):
            return self._union(ACTION_KINDS, "action", text=False)
        origin, inside = typing.get_origin(hint), typing.get_args(hint)
        if origin in (types.UnionType, typing.Union):  # or None: off with false
            off = [{"const": False}] if types.NoneType in inside else []
            return {
                "anyOf": [*(self._of(one) for one in inside if one is not types.NoneType), *off]
            }
        if origin is Literal:
            return {"enum": list(inside)}
        if origin is tuple:
            return self._list(inside[0])
        if origin is dict:
            return {"type": "object"}  # told apart in _apart
        if hint is Comparison:
            return {"anyOf": [{"type": "string"}, self._name(hint)]}
        return self._name(hint) if attrs.has(hint) else _PLAIN.get(hint, {})

    def _list(self, item: Any) -> Schema:
        found = {"type": "array", "items": self._of(item)}
        one_will_do = attrs.has(item) or item is Comparison
        return {"anyOf": [self._of(item), found]} if one_will_do else found

    def _union(self, kinds: dict[str, Any], name: str, *, text: bool) -> Schema:
        """A table with a kind, a list of them, or (of conditions) an expression."""
        if name not in self.named:
            self.named[name] = {}
            several = {"type": "array", "items": {"$ref": f"#/$defs/{name}"}}
            said = [{"type": "string", "description": "An expression."}] if text else []
            tables = [self._name(cls, kind) for kind, cls in kinds.items()]
            self.named[name] = {"anyOf": [*said, several, *tables]}
        return {"$ref": f"#/$defs/{name}"}


def _bound(validator: Any) -> Schema | None:
    if isinstance(validator, plans.Between):
        least = "exclusiveMinimum" if validator.above else "minimum"
        return {least: validator.low, "maximum": validator.high}
    return _BOUNDS.get(validator)


def _bounded(found: Schema, bound: Schema) -> Schema:
    if "anyOf" in found:
        first, *others = found["anyOf"]
        return {"anyOf": [{**first, **bound}, *others]}
    return {**found, **bound}
