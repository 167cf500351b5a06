"""docs/rest.md names every call with an example, every filter and every field that can be sent."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.rest import rest

pytestmark = pytest.mark.django_db

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "rest.md").read_text()


def sections() -> dict[str, str]:
    """Text by heading: `GET /api/tasks/` -> what follows it."""
    found = re.split(r"^### `(.+)`$", PAGE, flags=re.MULTILINE)
    return dict(zip(found[1::2], found[2::2], strict=True))


def schema() -> dict[str, Any]:
    body: dict[str, Any] = rest().get("/api/schema/?format=json").json()
    return body


def test_every_call_and_no_other_has_a_section_with_an_example() -> None:
    calls = {f"{method.upper()} {path}" for path, methods in schema()["paths"].items() for method in methods}
    found = sections()
    assert set(found) == calls
    for call, text in found.items():
        method, path = call.split(" ")
        example = re.sub(r"\{id\}", "[0-9a-f-]+", path).replace("{name}", "[a-z0-9-]+")
        assert re.search(rf"^    .*api .*\$NIGHTSHIFT_URL{example}", text, re.MULTILINE), call
        assert method == "GET" or f"-X {method} " in text, call


def test_every_filter_is_named() -> None:
    for path, methods in schema()["paths"].items():
        for parameter in methods.get("get", {}).get("parameters", []):
            if parameter["in"] == "query" and parameter["name"] not in ("page", "page_size"):
                assert f"`{parameter['name']}" in sections()[f"GET {path}"] or f"?{parameter['name']}=" in PAGE, (
                    parameter
                )


def test_every_field_is_named() -> None:
    components = schema()["components"]["schemas"]
    for name in ("TaskCreateRequest", "CancelRequest", "TaskDetail", "TemplateCreateRequest", "TemplateReply"):
        missing = [
            field for field in components[name]["properties"] if f"`{field}`" not in PAGE and f'"{field}"' not in PAGE
        ]
        assert missing == [], name
