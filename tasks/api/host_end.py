"""POST /api/agents/{id}/stop/ and .../remove/: the end of a main agent, and of a host. Beside the other operations."""

from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from agents.api.operations import Operation, OperationRequest, StandingReply, described, find_agent
from scheduler_site.shared.actors import Actor
from tasks.host_ends.host_removal import remove
from tasks.host_ends.host_stop import CHOICES, stop


class StopRequest(OperationRequest):
    scripts = serializers.ChoiceField(
        choices=list(CHOICES), default="leave", help_text="; ".join(f"{name}: {text}" for name, text in CHOICES.items())
    )


class Stop(Operation):
    @extend_schema(
        operation_id="agents_stop",
        request=StopRequest,
        responses={200: StandingReply, 403: OpenApiTypes.OBJECT, 404: OpenApiTypes.OBJECT, 409: OpenApiTypes.OBJECT},
    )
    def post(self, request: Request, pk: UUID) -> Response:
        """Ask the host's main agent to end, and say what becomes of its scripts."""
        wishes = StopRequest(data=request.data)
        wishes.is_valid(raise_exception=True)
        agent = stop(find_agent(pk), actor=Actor.user(request.user), **wishes.validated_data)
        return Response(StandingReply(agent).data)


class Remove(Operation):
    verb = staticmethod(remove)

    @described("remove")
    def post(self, request: Request, pk: UUID) -> Response:
        """Refuse the host's credential for ever and show it no more. Only when nothing is live or held there."""
        return self.operate(request, pk)
