"""The agents' calls as an OpenAPI schema, made from the message types. Served nowhere: for tests and for tools.

What the words mean is said in docs/agent-protocol.md.
"""

from typing import Any

import msgspec

from tasks import agent_messages

PREFIX = "/agent/v1"
REFUSALS = {
    "400": "The message is not as described.",
    "401": "No or a wrong credential.",
    "413": "The body is too large.",
    "415": "The body's encoding is not one we read.",
    "503": "The server cannot store this now; try again.",
}
MISSING = {"404": "No such sub agent, or not under this fence."}
STALE = {"409": "Not in a state in which this can be done."}
CLOSED = {"410": "It has ended."}
TOO_OLD = {"426": "No common version of the protocol."}
UUID = {"type": "string", "format": "uuid"}

# call: (scheme of the credential, message, status of success, refusals of its own)
CALLS: dict[str, tuple[str, Any, str, dict[str, str]]] = {
    "/register": ("Enrolment", agent_messages.Register, "201", TOO_OLD),
    "/session": ("Agent", agent_messages.Session, "200", {**STALE, **TOO_OLD}),
    "/heartbeat": ("Agent", agent_messages.Heartbeat, "200", STALE),
    "/secret": ("Agent", agent_messages.NewSecret, "200", STALE),
    "/report": ("Agent", agent_messages.Report, "200", MISSING),
    "/claims": ("Agent", agent_messages.Claims, "200", STALE),
    "/sub-agents/{sub_agent_id}/claim": ("Agent", agent_messages.Claim, "200", {**MISSING, **STALE, **CLOSED}),
    "/sub-agents/{sub_agent_id}/reject": ("Agent", agent_messages.GiveBack, "200", {**MISSING, **STALE, **CLOSED}),
    "/sub-agents/{sub_agent_id}/not-started": ("Agent", agent_messages.GiveBack, "200", {**MISSING, **STALE, **CLOSED}),
}


def schema() -> dict[str, Any]:
    """As of OpenAPI 3.1, whose schemas are those of JSON Schema 2020-12, which msgspec writes."""
    kinds = [agent_messages.Entry, agent_messages.ClaimOfOne, *(message for _, message, _, _ in CALLS.values())]
    shapes, components = msgspec.json.schema_components(kinds, ref_template="#/components/schemas/{name}")
    by_kind = dict(zip((kind.__name__ for kind in kinds), shapes, strict=True))
    components["Report"]["properties"]["entries"]["items"] = by_kind["Entry"]
    components["Claims"]["properties"]["claims"]["items"] = by_kind["ClaimOfOne"]
    paths = {f"{PREFIX}{path}": {"post": _call(path, *call, by_kind)} for path, call in CALLS.items()}
    paths[f"{PREFIX}/sub-agents/{{sub_agent_id}}/log"] = {"post": _log_call()}
    paths[f"{PREFIX}/wait"] = {"get": _wait_call()}
    made: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": "Nightshift, the agents' calls", "version": "1"},
        "paths": paths,
        "components": {"schemas": {**components, "Refusal": _refusal_shape()}},
    }
    return {name: _without_python_s_end(part) for name, part in made.items()}


def _call(
    path: str, _scheme: str, message: Any, status: str, refusals: dict[str, str], by_kind: dict[str, Any]
) -> dict[str, Any]:
    body = {"application/json": {"schema": by_kind[message.__name__]}}
    return {
        "operationId": path.strip("/").replace("/", "_"),
        "parameters": [_parameter("sub_agent_id", "path", UUID)] if "{" in path else [],
        "requestBody": {"required": True, "content": body},
        "responses": _responses(status, refusals),
    }


def _log_call() -> dict[str, Any]:
    number = {"type": "integer", "minimum": 0, "maximum": 2**53}
    return {
        "operationId": "log",
        "parameters": [
            _parameter("sub_agent_id", "path", UUID),
            _parameter("stream", "query", {"enum": ["out", "err"]}),
            _parameter("offset", "query", number),
            _parameter("X-CRC32", "header", number),
        ],
        "requestBody": {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}},
        "responses": _responses("200", {**MISSING, **STALE, **CLOSED, "422": "The checksum does not fit the bytes."}),
    }


def _wait_call() -> dict[str, Any]:
    epoch = {"type": "integer", "minimum": 0, "maximum": 2**53}
    return {
        "operationId": "wait",
        "parameters": [_parameter("epoch", "query", epoch)],
        "responses": _responses("200", STALE),
    }


def _parameter(name: str, place: str, shape: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": place, "required": True, "schema": shape}


def _responses(status: str, refusals: dict[str, str]) -> dict[str, Any]:
    done = {status: _answer("Done.", {"type": "object"})}
    refused = {"$ref": "#/components/schemas/Refusal"}
    return done | {code: _answer(words, refused) for code, words in {**REFUSALS, **refusals}.items()}


def _answer(words: str, shape: dict[str, Any]) -> dict[str, Any]:
    header = {"X-Instance": {"description": "Whose answer this is.", "required": True, "schema": {"type": "string"}}}
    return {"description": words, "headers": header, "content": {"application/json": {"schema": shape}}}


def _refusal_shape() -> dict[str, Any]:
    words = {"type": "string"}
    return {"type": "object", "properties": {"code": words, "detail": words}, "required": ["code", "detail"]}


def _without_python_s_end(value: Any) -> Any:
    r"""JSON Schema's expressions are ECMA's, which do not know \Z."""
    if isinstance(value, dict):
        return {key: _without_python_s_end(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_without_python_s_end(inner) for inner in value]
    return value.replace("\\Z", "$") if isinstance(value, str) else value
