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
    if isinstance(error, DomainError):
        set_rollback()
        return Response(body_of(error), status=error.status)
    if will_pass(error):
        return _busy()
    response = exception_handler(error, context)
    if response is not None and isinstance(error, APIException) and not isinstance(error, ValidationError):
        _add_code(response, error)
    return response


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
