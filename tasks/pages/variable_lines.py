"""Lines of NAME=value, as people type an environment. Pure. What a name may be is checked at submission."""

from collections.abc import Mapping
from typing import Any


def parse(text: str) -> dict[str, str]:
    """Empty lines and lines that start with # are skipped. ValueError names the first line that cannot be read."""
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, equals, value = line.partition("=")
        if not equals or not name.strip():
            raise ValueError(f"Line {number}, “{line.strip()[:60]}”, is not NAME=value.")
        found[name.strip()] = value
    return found


def show(variables: Mapping[str, Any]) -> str:
    return "\n".join(f"{name}={value}" for name, value in variables.items())
