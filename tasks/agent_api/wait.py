"""GET wait: the doorbell. Hangs for 15 to 25 s and says only "beat now". Who waits is asked in a thread like every
other call; the waiting itself is the loop's (scheduler_site.shared.later)."""

import random
from uuid import UUID

import msgspec
from django.http import HttpResponse
from rest_framework.request import Request

from agents import doorbell
from scheduler_site.shared.later import Later
from tasks.agent_api.base import AgentApiView, answer, caller

HOLD_SECONDS = (15.0, 25.0)  # at random: hosts that came at the same time, as after a restart, come apart
LONGEST_EPOCH = 19


class WaitView(AgentApiView):
    http_method_names = ["get"]

    def get(self, request: Request) -> HttpResponse:
        agent, epoch = caller(request), request.GET.get("epoch", "")
        if not (epoch.isdecimal() and len(epoch) < LONGEST_EPOCH):
            return answer({"code": "bad_message", "detail": "epoch must be a whole number"}, 400)
        if int(epoch) != agent.epoch:
            return answer(
                {"code": "stale_epoch", "detail": f"The latest session of {agent.name} is {agent.epoch}."}, 409
            )
        return Later(_told(False), lambda: _ring(agent.pk), content_type="application/json")


async def _ring(agent_id: UUID) -> bytes:
    seconds = random.uniform(*HOLD_SECONDS)  # noqa: S311 (no secret)
    return _told(await doorbell.wait(agent_id, seconds))


def _told(rings: bool) -> bytes:
    return msgspec.json.encode({"beat": rings})
