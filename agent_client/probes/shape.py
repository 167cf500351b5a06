"""Takes values out of decoded JSON or TOML and says exactly which field is wrong. Knows no particular file."""

from math import isfinite
from typing import Any


class ShapeError(Exception):
    """A field is missing or wrong; the message names it."""


class Shape:
    """One object of the file; `path` is how people find it, such as `gpus[1]`."""

    def __init__(self, value: Any, path: str = "") -> None:
        if not isinstance(value, dict):
            raise ShapeError(f"{path or 'the file'} must be an object with named values")
        self._values = value
        self.path = path

    def allow(self, *names: str) -> None:
        unknown = sorted(set(self._values) - set(names))
        if unknown:
            raise ShapeError(f"{self._name(unknown[0])} is unknown; known are {', '.join(names)}")

    def items(self, name: str) -> list["Shape"]:
        value = self._values.get(name, [])
        if not isinstance(value, list):
            raise ShapeError(f"{self._name(name)} must be a list")
        return [Shape(item, f"{self._name(name)}[{index}]") for index, item in enumerate(value)]

    def number(self, name: str, least: float | None = None, most: float | None = None) -> float:
        value: Any = self._values.get(name)
        is_number = isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
        if is_number and (least is None or value >= least) and (most is None or value <= most):
            return float(value)
        raise ShapeError(f"{self._name(name)} must be a number{_range(least, most)}, not {value!r}")

    def whole(self, name: str, least: int) -> int:
        value = self._values.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise ShapeError(f"{self._name(name)} must be a whole number of at least {least}, not {value!r}")
        return value

    def optional_number(self, name: str, least: float | None = None, most: float | None = None) -> float | None:
        return None if self._values.get(name) is None else self.number(name, least, most)

    def optional_whole(self, name: str, least: int) -> int | None:
        return None if self._values.get(name) is None else self.whole(name, least)

    def text(self, name: str, default: str | None = None) -> str:
        value = self._values.get(name, default)
        if not isinstance(value, str) or not value.strip():
            raise ShapeError(f"{self._name(name)} must be a text, not {value!r}")
        return value.strip()

    def optional_text(self, name: str) -> str:
        return "" if self._values.get(name) is None else self.text(name)

    def texts(self, name: str) -> list[str]:
        value = self._values.get(name, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise ShapeError(f"{self._name(name)} must be a list of texts")
        return value

    def values(self, name: str) -> dict[str, Any]:
        value = self._values.get(name, {})
        if not isinstance(value, dict):
            raise ShapeError(f"{self._name(name)} must be an object with named values")
        return value

    def flag(self, name: str) -> bool:
        value = self._values.get(name, False)
        if not isinstance(value, bool):
            raise ShapeError(f"{self._name(name)} must be true or false, not {value!r}")
        return value

    def _name(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name


def _range(least: float | None, most: float | None) -> str:
    if least is not None and most is not None:
        return f" between {least:g} and {most:g}"
    return f" of at least {least:g}" if least is not None else ""
