"""Serializers that refuse what they do not know. They check the shape of a body; the rules are in the apps."""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

UNKNOWN = "unknown field"


class RefuseUnknownFields(serializers.Serializer[Any]):
    """Mixin: a key that the serializer does not take gets `{key: ["unknown field"]}`, beside the other errors."""

    def to_internal_value(self, data: Any) -> Any:
        unknown = self._unknown(data)
        try:
            values = super().to_internal_value(data)
        except serializers.ValidationError as error:
            raise serializers.ValidationError(_merged(error.detail, unknown)) from None
        if unknown:
            raise serializers.ValidationError(unknown)
        return values

    def _unknown(self, data: Any) -> dict[str, list[str]]:
        if not isinstance(data, Mapping):
            return {}
        known = {field.field_name for field in self._writable_fields}
        return {_printable(key): [UNKNOWN] for key in data if key not in known}


def _merged(detail: Any, unknown: dict[str, list[str]]) -> Any:
    return {**detail, **unknown} if isinstance(detail, dict) else detail


def _printable(key: Any) -> str:
    """A key that can be sent back: JSON escapes may smuggle in halves of characters."""
    return str(key)[:200].encode("utf-8", "backslashreplace").decode()
