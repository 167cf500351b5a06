"""POST session: a main agent says who it is and what it has; both sides agree on every sub agent."""

from django.conf import settings
from django.http import HttpResponse
from django.utils import timezone
from rest_framework.request import Request

from agents import pace
from agents.sessions import SessionFacts, open_session
from scheduler_site.shared.identity import generation, instance_id
from tasks.agent_api.base import AgentApiView, answer, caller
from tasks.agent_api.versions import require_common_version
from tasks.agent_messages import Session
from tasks.commit_seq import commit_seq
from tasks.host_ends import lost_gpus
from tasks.reconcile import reconcile
from tasks.scheduling import changes


class SessionView(AgentApiView):
    def post(self, request: Request) -> HttpResponse:
        received_at = timezone.now()
        message = self.read(request, Session)
        proto = require_common_version(message.proto)
        facts = SessionFacts(
            boot_id=message.boot_id,
            incarnation=message.incarnation,
            machine_id=message.machine_id,
            agent_version=message.agent_version,
            proto=proto,
            host=message.host.facts(),
            capabilities=message.host.capabilities,
            resources=message.host.resources,
            after_epoch=message.after_epoch,
        )
        epoch = open_session(caller(request), facts, message.resources.value())
        lost_gpus.flag(caller(request))
        is_quarantined = caller(request).quarantined_at is not None
        directives = (
            []
            if is_quarantined
            else reconcile(
                caller(request),
                message.sub_agents,
                is_complete=message.inventory_complete,
                received_at=received_at,
                incarnations=message.incarnations,
                forgotten_fence=message.forgotten_fence,
            )
        )
        changes.of_site()
        return answer(
            {
                "epoch": epoch,
                "proto": proto,
                "instance_id": instance_id(),
                "lease_seconds": settings.UNREACHABLE_SECONDS,
                "next_in_seconds": pace.beats.seconds(),
                "directives": directives,
                "quarantined": is_quarantined,
                "commit_seq": commit_seq(),
                "generation": generation(),
            }
        )
