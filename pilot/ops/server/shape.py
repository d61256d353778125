"""The shapes of a request's fields. They check values, describe mistakes in one sentence, and
appear in the OpenAPI description."""

from typing import Any, Callable, Dict, List, NamedTuple, Optional

from pilot.ops.server.wire import BadRequest


class Shape(NamedTuple):
    """A field: a description of its valid values, the check, its JSON schema, and its `default` if
    the field is optional."""

    says: str
    # each lambda checks the type of its argument before it compares it
    is_valid: Callable[[Any], bool]
    schema: Dict[str, object]
    required: bool = True
    default: object = None

    def optional(self, default: object = None) -> "Shape":
        """Return the same shape for a field that may be missing (or null)."""
        return self._replace(required=False, default=default)


Shapes = Dict[str, Shape]


def text_of(most: int = 200, least: int = 1) -> Shape:
    """A text with `least` to `most` characters."""
    return Shape(
        "a text of %d to %d characters" % (least, most),
        lambda v: isinstance(v, str) and least <= len(v) <= most,
        {"type": "string", "minLength": least, "maxLength": most},
    )


def integer_from(least: int, most: int) -> Shape:
    """An integer."""
    return Shape(
        "a whole number from %d to %d" % (least, most),
        lambda v: _is_integer(v) and least <= v <= most,
        {"type": "integer", "minimum": least, "maximum": most},
    )


def any_number(least: float, most: float) -> Shape:
    """A number."""
    return Shape("a number from %s to %s" % (_format_number(least), _format_number(most)),
                 lambda v: (isinstance(v, float) or _is_integer(v)) and least <= v <= most,
                 {"type": "number", "minimum": least, "maximum": most})


def one_of(*words: str) -> Shape:
    """One of several words."""
    return Shape(
        "one of %s" % ", ".join(words),
        lambda v: isinstance(v, str) and v in words,
        {"type": "string", "enum": list(words)},
    )


def true_or_false() -> Shape:
    """true or false."""
    return Shape("true or false", lambda v: isinstance(v, bool), {"type": "boolean"})


def any_object() -> Shape:
    """An object whose contents are not checked."""
    return Shape("an object", lambda v: isinstance(v, dict), {"type": "object"})


def list_of(one: Shape, most: int) -> Shape:
    """A list of at most `most` items, all of this shape."""
    return Shape(
        "a list of at most %d, each %s" % (most, one.says),
        lambda v: isinstance(v, list) and len(v) <= most and all(one.is_valid(item) for item in v),
        {"type": "array", "maxItems": most, "items": one.schema},
    )


def record_of(fields: Shapes) -> Shape:
    """An object with these fields and no others."""
    def is_record(value: object) -> bool:
        if not isinstance(value, dict):
            return False
        try:
            check_fields(value, fields)
        except BadRequest:
            return False
        return True

    return Shape("an object of %s" % ", ".join(sorted(fields)), is_record, json_schema(fields))


def pair_of(first: Shape, second: Shape) -> Shape:
    """A list of two items with these shapes."""
    return Shape(
        "a list [%s, %s]" % (first.says, second.says),
        lambda v: isinstance(v, list) and len(v) == 2 and first.is_valid(v[0]) and second.is_valid(v[1]),
        {"type": "array", "minItems": 2, "maxItems": 2, "items": {}},
    )


def _format_number(value: float) -> str:
    return "%d" % value if value == int(value) else repr(value)


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def check_fields(given: Dict[str, object], fields: Shapes) -> Dict[str, Any]:
    """Return the values of all fields. BadRequest with every mistake in one sentence."""
    problems: List[str] = ["there is no field %r" % key[:100] for key in given if key not in fields]
    checked: Dict[str, Any] = {}
    for name, shape in fields.items():
        value = given.get(name)
        if value is None:
            checked[name] = shape.default
            if shape.required:
                problems.append("%s is missing: %s" % (name, shape.says))
        elif not shape.is_valid(value):
            problems.append("%s must be %s" % (name, shape.says))
        else:
            checked[name] = value
    if problems:
        raise BadRequest(400, "; ".join(problems[:10]))
    return checked


def json_schema(fields: Shapes) -> Dict[str, object]:
    """Return the JSON schema of an object with these fields."""
    schema: Dict[str, object] = {
        "type": "object",
        "properties": {name: one.schema for name, one in fields.items()},
        "additionalProperties": False,
    }
    needed = sorted(name for name, one in fields.items() if one.required)
    if needed:
        schema["required"] = needed
    return schema


def from_query(query: Dict[str, str], fields: Shapes) -> Dict[str, Any]:
    """Return the values of all fields of a query, where numbers are texts. BadRequest as in
    `check_fields`."""
    given: Dict[str, object] = {}
    for name, value in query.items():
        shape: Optional[Shape] = fields.get(name)
        kind = shape.schema.get("type") if shape else None
        try:
            given[name] = (
                int(value) if kind == "integer" else float(value) if kind == "number" else value
            )
        except ValueError:
            given[name] = value
    return check_fields(given, fields)
