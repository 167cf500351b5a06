"""POST secret: a main agent fetches a new secret for its host, asked by an operator or of its own accord."""

from django.http import HttpResponse
from rest_framework.request import Request

from agents import rotation
from scheduler_site.shared.errors import Quarantined
from tasks.agent_api.base import AgentApiView, answer, caller
from tasks.agent_api.versions import require_session
from tasks.agent_messages import NewSecret


class SecretView(AgentApiView):
    def post(self, request: Request) -> HttpResponse:
        message = self.read(request, NewSecret)
        agent = caller(request)
        if agent.quarantined_at is not None:
            raise Quarantined(f"{agent.name} is in quarantine; an operator must end it.")
        require_session(agent, message.epoch)
        return answer({"agent_secret": rotation.issue(agent)})
