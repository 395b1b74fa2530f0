"""The schema for editors takes what the engine takes, and sees the mistakes that a schema can."""

from __future__ import annotations

import math
import re
import tomllib
from typing import Any

import pytest

from engine.settings_schema import schema
from tests.core.test_settings_file import MISTAKES, VALID

SCHEMA = schema()
KNOWN = {
    *("$schema", "title", "$defs", "$ref", "description", "default"),
    *("type", "enum", "const", "anyOf", "properties", "required", "additionalProperties"),
    *("items", "minimum", "maximum", "exclusiveMinimum", "pattern"),
}
TYPES: dict[str, Any] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
}


def fits(value: Any, rule: dict[str, Any]) -> bool:
    """Whether a value is as this part of the schema says, by the words that the schema uses."""
    assert rule.keys() <= KNOWN, rule.keys() - KNOWN
    if "$ref" in rule:
        return fits(value, SCHEMA["$defs"][rule["$ref"].removeprefix("#/$defs/")])
    if "anyOf" in rule and not any(fits(value, one) for one in rule["anyOf"]):
        return False
    if "enum" in rule and value not in rule["enum"]:
        return False
    if "const" in rule and (value != rule["const"] or type(value) is not type(rule["const"])):
        return False
    kinds = rule.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds and not any(_is(value, kind) for kind in kinds):
        return False
    if isinstance(value, int | float) and not isinstance(value, bool):
        low, above = rule.get("minimum", -math.inf), rule.get("exclusiveMinimum", -math.inf)
        if not low <= value <= rule.get("maximum", math.inf) or (value <= above > -math.inf):
            return False
    if isinstance(value, str) and not re.search(rule.get("pattern", ""), value):
        return False
    if isinstance(value, list):
        return all(fits(one, rule.get("items", {})) for one in value)
    if isinstance(value, dict) and kinds:
        others = rule.get("additionalProperties", {})
        known = rule.get("properties", {})
        if not set(rule.get("required", ())) <= value.keys():
            return False
        return all(
            fits(one, known[key]) if key in known else bool(others) and fits(one, others)
            for key, one in value.items()
        )
    return True


def _is(value: Any, kind: str) -> bool:
    return isinstance(value, TYPES[kind]) and (isinstance(value, bool) == (kind == "boolean"))


@pytest.mark.parametrize("text", VALID, ids=range(len(VALID)))
def test_what_the_engine_takes_fits_the_schema(text: str) -> None:
    assert fits(tomllib.loads(text), SCHEMA)


FORM = ("unknown key", "must be a table", "must be a number", "must be a whole", "must be true",
        "must be a list", "must be above 0", "is missing", "there is no action of kind",
        "cannot be '", "must be text")  # fmt: skip


def test_mistakes_of_form_are_seen_by_the_schema() -> None:
    found = [text for text, told in MISTAKES if any(one in told[0] for one in FORM)]

    assert len(found) > 30
    assert [text for text in found if fits(tomllib.loads(text), SCHEMA)] == []


def test_every_name_that_is_referred_to_is_there_and_the_defaults_fit() -> None:
    waiting: list[Any] = [SCHEMA]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            assert one.get("$ref", "#/$defs/Rule").removeprefix("#/$defs/") in SCHEMA["$defs"]
            if isinstance(one.get("default"), str | bool | int | float):
                assert fits(one["default"], {k: v for k, v in one.items() if k != "default"})
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
