"""What REST answers when something is refused: {code, detail, ...} or {field: [sentences]}. Decides nothing."""

from collections.abc import Mapping
from typing import Any

from rest_framework.exceptions import APIException, ValidationError
from rest_framework.response import Response
from rest_framework.views import exception_handler, set_rollback

from scheduler_site.shared.database_trouble import RETRY_SECONDS, will_pass
from scheduler_site.shared.errors import DomainError


def answer(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler. None: not ours, a fault (500)."""
    response = _answer(error, context)
    if response is not None:
        response.data = _sendable(response.data)
    return response


def _answer(error: Exception, context: dict[str, Any]) -> Response | None:
    if isinstance(error, DomainError):
        set_rollback()
        return Response(body_of(error), status=error.status)
    if will_pass(error):
        return _busy()
    response = exception_handler(error, context)
    if response is not None and isinstance(error, APIException) and not isinstance(error, ValidationError):
        _add_code(response, error)
    return response


def _sendable(value: Any) -> Any:
    """Sentences quote what was sent, and half of a surrogate pair cannot be written as UTF-8: it is spelled out."""
    if isinstance(value, str):
        return value.encode(errors="backslashreplace").decode()
    if isinstance(value, Mapping):
        return {_sendable(name): _sendable(part) for name, part in value.items()}
    return [_sendable(part) for part in value] if isinstance(value, list | tuple) else value


def body_of(error: DomainError) -> dict[str, Any]:
    """Errors with `fields` (a mapping) or `field` name them as the API spells them; all others have a code."""
    fields = getattr(error, "fields", None)
    if isinstance(fields, Mapping):
        return {name: list(sentences) for name, sentences in fields.items()}
    field = getattr(error, "field", "")
    if field:
        return {field: [error.detail]}
    return {"code": error.code, "detail": error.detail, **error.extra}


def _add_code(response: Response, error: APIException) -> None:
    if isinstance(response.data, dict):
        codes = error.get_codes()
        response.data.setdefault("code", codes if isinstance(codes, str) else "refused")


def _busy() -> Response:
    """Locked for longer than the time-out, full, or restarting: agents and people try again."""
    body = {"code": "busy", "detail": "The database is busy; try again."}
    return Response(body, status=503, headers={"Retry-After": RETRY_SECONDS})
