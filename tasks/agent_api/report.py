"""POST report: what sub agents have to say, each for itself or the main agent for all of its host, which may be granted
the next ones in the same answer."""

from typing import Any, cast
from uuid import UUID

from django.http import HttpResponse
from rest_framework.request import Request

from agents import doorbell
from agents.models import Agent
from tasks.agent_api import claims_ahead
from tasks.agent_api.base import AgentApiView, ReportAuthentication, answer
from tasks.agent_messages import ClaimsAhead, Report, has_result
from tasks.commit_seq import commit_seq
from tasks.models import SubAgent
from tasks.reporting import report_pace, reports
from tasks.scheduling import wakeup
from tasks.scheduling.run import pass_now


class ReportView(AgentApiView):
    authentication_classes = [ReportAuthentication]

    def post(self, request: Request) -> HttpResponse:
        message = self.read(request, Report)
        caller = request.auth if isinstance(request.auth, SubAgent) else None
        granted: list[dict[str, Any]] | None = None
        if message.claims_ahead is None or caller is not None:
            replies = reports.receive(message.entries, caller)
        else:
            replies, granted = _with_the_next(cast(Agent, request.auth), message, message.claims_ahead)
        return answer(
            {
                "next_in_seconds": report_pace.next_in_seconds(request.auth.pk, replies),
                "replies": replies,
                "commit_seq": commit_seq() if any(has_result(bytes(raw)) for raw in message.entries) else None,
                "granted": granted,
            }
        )


def _with_the_next(agent: Agent, message: Report, ahead: ClaimsAhead) -> tuple[list[dict[str, Any]], list[Any]]:
    """The replies, and what was placed on the host in the room that ended scripts have left: no ring, no heartbeat
    and no claim of its own are needed for it."""
    with doorbell.answering(agent.pk) as told, wakeup.held() as wish:
        replies = reports.receive(message.entries)
        claims = claims_ahead.Claims(agent, ahead)
        if wish.is_wanted:
            wish.is_wanted = False  # what the pass itself wants is another one
            wish.is_wanted = not pass_now(claims.placed) or wish.is_wanted
        granted = claims.granted()
        told(UUID(row["grant"]["sub_agent_id"]) for row in granted)
    return replies, granted
