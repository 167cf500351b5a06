"""POST heartbeat: figures in; assignments and stops out, repeated until they are moot."""

from typing import Any

from django.http import HttpResponse
from rest_framework.request import Request

from agents import endings, heartbeats, inventory_requests, pace
from agents.authentication import BeatAuthentication
from agents.states import Wish
from scheduler_site.shared.identity import generation
from tasks import grants
from tasks.agent_api import claims_ahead
from tasks.agent_api.base import AgentApiView, answer, caller
from tasks.agent_api.versions import require_session
from tasks.agent_messages import Heartbeat
from tasks.commit_seq import commit_seq
from tasks.host_ends import kept, lost_gpus
from tasks.reporting import gpu_use
from tasks.scheduling import changes

QUARANTINED = {"quarantined": True, "next_in_seconds": 10.0}


class HeartbeatView(AgentApiView):
    authentication_classes = [BeatAuthentication]

    def post(self, request: Request) -> HttpResponse:
        message = self.read(request, Heartbeat)
        agent = caller(request)
        if agent.quarantined_at is not None:
            return answer({**_reply([], [], inventory_wanted=False, end=False), **QUARANTINED})
        require_session(agent, message.epoch)
        if not heartbeats.is_newer(agent, message.seq):
            return answer(_reply([], [], inventory_wanted=False, end=False))
        if message.ending:
            endings.ended(agent, why=message.ending)
        if heartbeats.receive(agent, message.resources.value(), message.accepts_work):
            lost_gpus.flag(agent)
            changes.of_site()
        gpu_use.receive(agent, message.gpu_use_by_sub_agent())
        kept.clear(agent, [(one.sub_agent_id, one.fence) for one in message.cleared])
        wanted = inventory_requests.take(agent)
        end = agent.wish == Wish.END
        granted = claims_ahead.granted(agent, message.claims_ahead)
        reply = _reply(*grants.told(agent), inventory_wanted=wanted, end=end)
        return answer({**reply, "rotate_secret": agent.secret_asked_at is not None, "granted": granted})


def _reply(assignments: list[Any], directives: list[Any], *, inventory_wanted: bool, end: bool) -> dict[str, Any]:
    return {
        "next_in_seconds": pace.beats.seconds(),
        "assignments": assignments,
        "directives": directives,
        "inventory_wanted": inventory_wanted,
        "end": end,
        "commit_seq": commit_seq(),
        "generation": generation(),
    }
