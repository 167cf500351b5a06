"""POST claim, reject and not-started: a host takes a sub agent, or gives it back unexecuted."""

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from rest_framework.request import Request

from agents.models import Agent
from scheduler_site.shared.actors import Actor
from scheduler_site.shared.errors import GangWaiting, Quarantined, SubAgentClosed
from scheduler_site.shared.failpoints import fail_at
from tasks import grants, lifecycle
from tasks.agent_api.base import AgentApiView, answer, caller, own_sub_agent
from tasks.agent_api.versions import require_session
from tasks.agent_messages import Claim, ClaimOfOne, GiveBack
from tasks.host_ends import leases
from tasks.states import VOID_STATES, SubAgentState


class ClaimView(AgentApiView):
    def post(self, request: Request, sub_agent_id: UUID) -> HttpResponse:
        message = self.read(request, Claim)
        require_session(caller(request), message.epoch)
        return answer(granted(caller(request), sub_agent_id, message))


def granted(agent: Agent, sub_agent_id: UUID, claim: Claim | ClaimOfOne) -> dict[str, Any]:
    """Take the sub agent for the host; what it is to execute."""
    sub_agent = own_sub_agent(agent, sub_agent_id, claim.fence)
    if not lifecycle.claim(sub_agent, claim.nonce, claim.master_port):
        raise GangWaiting("Other hosts of this gang have not accepted yet; ask again.")
    fail_at("claim.before_reply")
    renewal = leases.begin(sub_agent) if claim.fences else None
    return {**grants.grant(sub_agent), "renewal": renewal}


class GiveBackView(AgentApiView):
    """Repeated calls get the same answer: what is void already stays void."""

    state = SubAgentState.REJECTED

    def post(self, request: Request, sub_agent_id: UUID) -> HttpResponse:
        message = self.read(request, GiveBack)
        sub_agent = own_sub_agent(caller(request), sub_agent_id, message.fence)
        if caller(request).quarantined_at is not None:
            raise Quarantined(f"{caller(request).name} is in quarantine; an operator must end it.")
        detail = ": ".join(part for part in (message.reason, message.detail) if part).replace("\0", "")
        try:
            actor = Actor.agent(caller(request).name)
            lifecycle.give_back(sub_agent, self.state, detail, actor=actor, blames_host=True)
        except SubAgentClosed:
            sub_agent.refresh_from_db(fields=["state"])
            if sub_agent.state not in VOID_STATES:
                raise
        return answer({"state": sub_agent.state})
