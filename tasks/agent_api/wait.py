"""GET wait: the doorbell. Hangs up to 25 s and says only "beat now". Async,
so that a thousand waiting hosts cost no thread."""

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET
from rest_framework.exceptions import AuthenticationFailed

from agents import doorbell
from agents.authentication import authenticated_agent
from agents.models import Agent
from tasks.agent_api.base import answer

HOLD_SECONDS = 25.0


@require_GET
async def wait(request: HttpRequest) -> HttpResponse:
    try:
        agent: Agent = await sync_to_async(authenticated_agent)(request.headers.get("Authorization", ""))
    except AuthenticationFailed as error:
        return answer({"code": "unauthorized", "detail": str(error.detail)}, 401)
    epoch = request.GET.get("epoch", "")
    if not epoch.isdecimal():
        return answer({"code": "bad_message", "detail": "epoch must be a whole number"}, 400)
    if int(epoch) != agent.epoch:
        return answer({"code": "stale_epoch", "detail": f"The latest session of {agent.name} is {agent.epoch}."}, 409)
    return answer({"beat": await doorbell.wait(agent.pk, HOLD_SECONDS)})
