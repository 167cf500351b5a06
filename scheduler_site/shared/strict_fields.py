"""Fields that take exactly one JSON type: no text for numbers, no 1 for true. Bounds are those of the columns."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

LARGEST_INTEGER = 2**31 - 1
LARGEST_BIG_INTEGER = 2**63 - 1
DEEPEST = 32


class Text(serializers.CharField):
    """A string as it came; DRF's own checks for NUL and half characters still apply."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"trim_whitespace": False, "allow_blank": True, **options})

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            raise serializers.ValidationError(f"must be text, not {json_type(data)}")
        return super().to_internal_value(data)


class Name(Text):
    """One line: not empty, no spaces around it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"trim_whitespace": True, "allow_blank": False, **options})


class Whole(serializers.IntegerField):
    """Bounds belong to every use: a column holds only so much."""

    def __init__(self, low: int, high: int, **options: Any) -> None:
        super().__init__(min_value=low, max_value=high, **options)
        self.low, self.high = low, high

    def to_internal_value(self, data: Any) -> int:
        if not isinstance(data, int) or isinstance(data, bool):
            raise serializers.ValidationError(f"must be a whole number, not {json_type(data)}")
        if not self.low <= data <= self.high:
            raise serializers.ValidationError(f"must be between {self.low} and {self.high}")
        return data


class Switch(serializers.BooleanField):
    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            raise serializers.ValidationError(f"must be true or false, not {json_type(data)}")
        return data


@extend_schema_field({"type": "number", "minimum": 0, "multipleOf": 0.01, "example": 0.5})
class Cores(serializers.Field[Decimal, Any, int | float, Any]):
    """CPU cores: a number with at most two decimal places; whole numbers stay whole."""

    largest = Decimal("999999.99")

    def to_internal_value(self, data: Any) -> Decimal:
        if isinstance(data, bool) or not isinstance(data, int | float):
            raise serializers.ValidationError(f"must be a number, not {json_type(data)}")
        if not 0 <= data <= self.largest:
            raise serializers.ValidationError(f"must be between 0 and {self.largest}")
        number = Decimal(str(data))
        if number != round(number, 2):
            raise serializers.ValidationError("must have at most two decimal places")
        return number

    def to_representation(self, value: Any) -> int | float:
        number = float(value)
        return int(number) if number.is_integer() else number


@extend_schema_field({"type": "object", "additionalProperties": {}})
class JsonObject(serializers.Field[dict[str, Any], Any, dict[str, Any], Any]):
    """Any JSON object that every database can store: no NUL, no half characters, not too deep."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, Mapping):
            raise serializers.ValidationError(f"must be an object, not {json_type(data)}")
        _check_storable(data, 1)
        return dict(data)

    def to_representation(self, value: Any) -> Any:
        return value


@extend_schema_field({"type": "object", "additionalProperties": {"type": "string"}})
class TextObject(JsonObject):
    """An object whose values are text."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        values = super().to_internal_value(data)
        for key, value in values.items():
            if not isinstance(value, str):
                raise serializers.ValidationError(f"the value of {key} must be text, not {json_type(value)}")
        return values


@extend_schema_field({"type": "object", "additionalProperties": {"type": "integer", "minimum": 1}})
class CountObject(JsonObject):
    """An object whose values are whole numbers; their bounds are its user's."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        values = super().to_internal_value(data)
        for key, value in values.items():
            if not isinstance(value, int) or isinstance(value, bool):
                raise serializers.ValidationError(f"{key} must be a whole number, not {json_type(value)}")
        return values


def json_type(value: Any) -> str:
    """What a value is called in JSON."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number" if isinstance(value, float) else "a whole number"
    if isinstance(value, str):
        return "text"
    return "an object" if isinstance(value, Mapping) else "a list"


def _check_storable(value: Any, depth: int) -> None:
    if depth > DEEPEST:
        raise serializers.ValidationError(f"is nested deeper than {DEEPEST} levels")
    if isinstance(value, str):
        _check_text(value)
    elif isinstance(value, Mapping):
        for key, part in value.items():
            _check_text(key)
            _check_storable(part, depth + 1)
    elif isinstance(value, list):
        for part in value:
            _check_storable(part, depth + 1)


def _check_text(text: str) -> None:
    if "\0" in text:
        raise serializers.ValidationError("contains a NUL character")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise serializers.ValidationError("contains half of a surrogate pair") from None
