"""What the OpenAPI page shows: the calls for people, each with the refusals that any call may meet.

The agents' calls are described in docs/agent-protocol.md and by tasks.agent_api.schema.
"""

from collections.abc import Iterator
from typing import Any

REFUSAL = {
    "type": "object",
    "description": "Why it was refused: a word for programs and a sentence for people.",
    "properties": {"code": {"type": "string"}, "detail": {"type": "string"}},
    "required": ["code", "detail"],
}
ALWAYS = {
    "401": "No or a wrong credential.",
    "403": "The role of this account does not include it, or the CSRF token is missing.",
    "503": "The database is busy; try again.",
}
WITH_BODY = {
    "400": 'A field is wrong: `{"field": ["sentence"]}`; or the body is not JSON.',
    "413": "The body is too large.",
    "415": "The body is not application/json.",
}
WITH_QUERY = {"400": "A parameter is wrong."}
WITH_PATH = {"404": "There is no such thing."}


def only_for_people(endpoints: list[tuple[str, str, str, Any]]) -> list[tuple[str, str, str, Any]]:
    return [endpoint for endpoint in endpoints if endpoint[0].startswith("/api/")]


def add_refusals(result: dict[str, Any], **_options: Any) -> dict[str, Any]:
    """A hook after drf-spectacular: views name the refusals that are their own, the rest is added here."""
    result["components"].setdefault("schemas", {})["Refusal"] = REFUSAL
    for path, call in _calls(result):
        for status, words in _refusals(path, call).items():
            call["responses"].setdefault(status, _answer(status, words))
    return result


def _refusals(path: str, call: dict[str, Any]) -> dict[str, str]:
    with_body = WITH_BODY if "requestBody" in call else {}
    with_query = WITH_QUERY if any(parameter["in"] != "path" for parameter in call.get("parameters", [])) else {}
    return {**ALWAYS, **with_query, **with_body, **(WITH_PATH if _may_miss(path, call) else {})}


def _calls(result: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in result["paths"].items():
        for call in methods.values():
            yield path, call


def _may_miss(path: str, call: dict[str, Any]) -> bool:
    return "{" in path or any(parameter["name"] == "page" for parameter in call.get("parameters", []))


def _answer(status: str, words: str) -> dict[str, Any]:
    shape = {"type": "object"} if status == "400" else {"$ref": "#/components/schemas/Refusal"}
    return {"description": words, "content": {"application/json": {"schema": shape}}}
