"""GET /health/: 200 when the database answers and all loops turn, 503 otherwise. Says nothing that needs protection."""

from typing import Any

from django.db import Error, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from agents import breaker
from scheduler_site.loops import registry


@never_cache
@require_safe
def health(_request: HttpRequest) -> JsonResponse:
    report = health_report()
    return JsonResponse(report, status=200 if report["status"] == "ok" else 503)


def health_report() -> dict[str, Any]:
    loops = registry.running.all if registry.running else []
    database = _database()
    is_well = database == "ok" and bool(loops) and all(loop.is_healthy() for loop in loops)
    return {
        "status": "ok" if is_well else "failing",
        "database": database,
        "loops": {loop.name: loop.report() for loop in loops},
        "scheduling": bool(loops),
        "breaker": "open" if database == "ok" and breaker.alarm() else "closed",
    }


def _database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Error:
        return "unreachable"
    return "ok"
