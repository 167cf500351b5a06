"""Whatever else is asked under /agent/v1/: JSON, as from every call of agents, instead of a page for people."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from tasks.agent_api.base import answer


@csrf_exempt
def unknown_call(request: HttpRequest, rest: str) -> HttpResponse:
    return answer({"code": "unknown_call", "detail": f"There is no call /agent/v1/{rest}."}, 404)
