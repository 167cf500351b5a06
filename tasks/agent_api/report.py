"""POST report: what sub agents have to say, each for itself or the main agent for all of its host."""

from django.http import HttpResponse
from rest_framework.request import Request

from tasks.agent_api.base import AgentApiView, ReportAuthentication, answer
from tasks.agent_messages import Report
from tasks.commit_seq import commit_seq
from tasks.models import SubAgent
from tasks.reporting import report_pace, reports


class ReportView(AgentApiView):
    authentication_classes = [ReportAuthentication]

    def post(self, request: Request) -> HttpResponse:
        message = self.read(request, Report)
        caller = request.auth if isinstance(request.auth, SubAgent) else None
        replies = reports.receive(message.entries, caller)
        return answer(
            {
                "next_in_seconds": report_pace.next_in_seconds(request.auth.pk, replies),
                "replies": replies,
                "commit_seq": commit_seq() if any(b'"finish":{' in bytes(raw) for raw in message.entries) else None,
            }
        )
