"""GET wait: the doorbell. Hangs up to 25 s and says only "beat now". Async, so that waiting hosts hold no database
connection and none of the threads that serve the other calls."""

from asgiref.sync import sync_to_async
from django.db import InterfaceError, OperationalError, connection
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET
from rest_framework.exceptions import AuthenticationFailed

from agents import doorbell
from agents.authentication import authenticated_agent
from agents.models import Agent
from tasks.agent_api.base import answer

HOLD_SECONDS = 25.0
LONGEST_EPOCH = 19


@require_GET
async def wait(request: HttpRequest) -> HttpResponse:
    try:
        agent: Agent = await sync_to_async(_caller)(request.headers.get("Authorization", ""))
    except AuthenticationFailed as error:
        return answer({"code": "unauthorized", "detail": str(error.detail)}, 401)
    except (OperationalError, InterfaceError):
        return answer({"code": "busy", "detail": "The database is busy."}, 503)
    epoch = request.GET.get("epoch", "")
    if not (epoch.isdecimal() and len(epoch) < LONGEST_EPOCH):
        return answer({"code": "bad_message", "detail": "epoch must be a whole number"}, 400)
    if int(epoch) != agent.epoch:
        return answer({"code": "stale_epoch", "detail": f"The latest session of {agent.name} is {agent.epoch}."}, 409)
    return answer({"beat": await doorbell.wait(agent.pk, HOLD_SECONDS)})


def _caller(header: str) -> Agent:
    """Django keeps the thread of an async request until its end: the connection must not stay with it."""
    try:
        return authenticated_agent(header)
    finally:
        if not connection.in_atomic_block:
            connection.close()
