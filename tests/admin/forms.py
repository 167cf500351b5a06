"""What a browser sends back of a form of the admin: every field as it was shown, with some of them changed."""

from html.parser import HTMLParser
from typing import Any


class _Fields(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, list[str]] = {}
        self._select = self._textarea = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        name = given.get("name", "")
        if tag == "select":
            self._select = name
        elif tag == "option" and self._select and "selected" in given:
            self.found.setdefault(self._select, []).append(given.get("value", ""))
        elif tag == "input" and name and self._is_sent(given):
            self.found.setdefault(name, []).append(given.get("value", ""))
        elif tag == "textarea":
            self.found[name] = [""]

    def _is_sent(self, given: dict[str, str]) -> bool:
        kind = given.get("type", "text")
        return kind not in ("submit", "checkbox", "radio") or "checked" in given

    def handle_endtag(self, tag: str) -> None:
        if tag == "select":
            self._select = ""


def sent(html: str, **changes: Any) -> dict[str, Any]:
    """`changes` by the names of the fields; with `__` for a dash, which Python's names cannot have."""
    reader = _Fields()
    reader.feed(html)
    shown = {name: values for name, values in reader.found.items() if "__prefix__" not in name}
    return {**shown, **{name.replace("__", "-"): value for name, value in changes.items()}}
