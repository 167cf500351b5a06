"""What every agent endpoint shares: agents' credentials only, JSON only, errors as {code, detail}. No view logic."""

import logging
from typing import Any, cast
from uuid import UUID

import msgspec
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import HttpResponse
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import APIException, AuthenticationFailed, NotAuthenticated
from rest_framework.permissions import AllowAny
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from agents.authentication import AgentAuthentication, KnownAgentAuthentication, identified
from agents.models import Agent
from scheduler_site.shared import statements
from scheduler_site.shared.database_trouble import RETRY_SECONDS
from scheduler_site.shared.errors import DomainError, UnknownSubAgent
from tasks.agent_messages import Message, decode
from tasks.models import SubAgent
from tasks.reporting.reports import reporting
from tasks.tokens import token_is_right

log = logging.getLogger(__name__)


class SubAgentAuthentication(BaseAuthentication):
    """`request.auth` is the SubAgent."""

    def authenticate(self, request: Request) -> tuple[Any, Any]:
        sub_agent_id, token = identified(request.headers.get("Authorization", ""), "SubAgent")
        sub_agent = reporting(sub_agent_id)
        if sub_agent is None:
            raise UnknownSubAgent("No such sub agent.")
        if not token_is_right(sub_agent, token):
            raise AuthenticationFailed("The token is not this sub agent's.")
        return AnonymousUser(), sub_agent


class ReportAuthentication(BaseAuthentication):
    """A sub agent for itself, or its main agent for the whole host; each entry carries its own token besides."""

    def authenticate(self, request: Request) -> tuple[Any, Any]:
        if request.headers.get("Authorization", "").lower().startswith("agent "):
            return KnownAgentAuthentication().authenticate(request)
        return SubAgentAuthentication().authenticate(request)


class AgentApiView(APIView):
    """Subclasses define the verbs; what they raise becomes {code, detail}."""

    authentication_classes = [AgentAuthentication]
    permission_classes = [AllowAny]  # authentication has refused everybody else already
    renderer_classes = [JSONRenderer]
    schema = None

    def perform_content_negotiation(self, request: Request, force: bool = False) -> tuple[Any, str]:
        """Always JSON: what the client says it accepts is not asked."""
        return self.renderer_classes[0](), "application/json"

    def handle_exception(self, exc: Exception) -> Any:
        if isinstance(exc, DomainError):
            return answer({"code": exc.code, "detail": exc.detail, **exc.extra}, exc.status)
        if isinstance(exc, NotAuthenticated | AuthenticationFailed):
            return answer({"code": "unauthorized", "detail": str(exc.detail)}, 401)
        if isinstance(exc, RequestDataTooBig):
            return answer({"code": "too_large", "detail": "The body is over the limit of this call."}, 413)
        if isinstance(exc, OperationalError | InterfaceError | OSError):
            log.error("agent_request_failed path=%s error=%r", self.request.path, exc)
            reply = answer({"code": "busy", "detail": "The server cannot store this now; try again."}, 503)
            reply["Retry-After"] = RETRY_SECONDS
            return reply
        if isinstance(exc, APIException):
            return answer({"code": "refused", "detail": str(exc.detail)}, exc.status_code)
        return super().handle_exception(exc)

    def read(self, request: Request, kind: type[Message]) -> Message:
        return decode(request.body, kind)


def caller(request: Request) -> Agent:
    """The main agent that AgentAuthentication let in."""
    return cast(Agent, request.auth)


def answer(body: dict[str, Any], status: int = 200) -> HttpResponse:
    return HttpResponse(msgspec.json.encode(body), status=status, content_type="application/json")


def own_sub_agent(agent: Agent, sub_agent_id: UUID, fence: int) -> SubAgent:
    """The host's own sub agent under this fence; another host's does not exist for it."""
    sub_agent = statements.instance(SubAgent, {"pk": sub_agent_id, "agent_id": agent.pk, "fence": fence})
    if sub_agent is None:
        raise UnknownSubAgent(f"{agent.name} has no sub agent {sub_agent_id} under fence {fence}.")
    sub_agent.agent = agent
    return sub_agent
