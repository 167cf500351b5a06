"""POST register: a new host spends an enrolment token and gets its secret."""

from typing import cast

from django.http import HttpResponse
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from agents.authentication import EnrolmentAuthentication
from agents.enrolment import register
from agents.models import EnrolmentToken
from scheduler_site.shared.identity import instance_id
from tasks.agent_api.base import AgentApiView, answer
from tasks.agent_api.versions import require_common_version
from tasks.agent_messages import Register


class RegisterView(AgentApiView):
    authentication_classes = [EnrolmentAuthentication]

    def post(self, request: Request) -> HttpResponse:
        message = self.read(request, Register)
        require_common_version(message.proto)
        registered = register(
            cast(EnrolmentToken, request.auth),
            name=message.name,
            hostname=message.hostname,
            machine_id=message.machine_id,
            agent_version=message.agent_version,
        )
        if registered is None:
            raise AuthenticationFailed("This enrolment token was just used up by another host.")
        agent, secret = registered
        body = {"agent_id": str(agent.pk), "agent_secret": secret, "name": agent.name, "instance_id": instance_id()}
        return answer(body, 201)
