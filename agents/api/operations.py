"""What operators do to hosts over REST: pause, resume, drain, deactivate, reactivate; and the history of a host.

Hosts themselves are shown by the tasks app, together with what runs on them.
"""

from collections.abc import Callable
from typing import Any, TypeVar
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import generics, serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from agents import administration, quarantine, rotation
from agents.models import Agent, AgentEvent
from agents.states import Standing
from scheduler_site.shared.actors import Actor
from scheduler_site.shared.roles import Right
from scheduler_site.shared.strict_fields import Text
from scheduler_site.shared.strict_json import StrictJSONParser
from scheduler_site.shared.strict_serializers import RefuseUnknownFields


class OperationRequest(RefuseUnknownFields):
    reason = Text(required=False, default="", max_length=300)


class StandingReply(serializers.ModelSerializer[Agent]):
    standing = serializers.ChoiceField(choices=Standing.choices, read_only=True)
    status = serializers.CharField(read_only=True)

    class Meta:
        model = Agent
        fields = ["id", "name", "status", "standing"]
        read_only_fields = fields


class AgentEventReply(serializers.ModelSerializer[AgentEvent]):
    detail = serializers.DictField(read_only=True)

    class Meta:
        model = AgentEvent
        fields = ["id", "at", "verb", "actor_kind", "actor_name", "from_state", "to_state", "reason", "detail"]
        read_only_fields = fields


Post = TypeVar("Post", bound=Callable[..., Response])


class Operation(APIView):
    """One verb of agents.administration; staff only."""

    writes_need = Right.OPERATE
    parser_classes = [StrictJSONParser]
    verb: Callable[..., Agent]

    def operate(self, request: Request, pk: UUID) -> Response:
        wishes = OperationRequest(data=request.data)
        wishes.is_valid(raise_exception=True)
        agent = type(self).verb(find_agent(pk), actor=Actor.user(request.user), **wishes.validated_data)
        return Response(StandingReply(agent).data)


def described(name: str) -> Callable[[Post], Post]:
    return extend_schema(
        operation_id=f"agents_{name}",
        request=OperationRequest,
        responses={200: StandingReply, 403: OpenApiTypes.OBJECT, 404: OpenApiTypes.OBJECT, 409: OpenApiTypes.OBJECT},
    )


class Pause(Operation):
    verb = staticmethod(administration.pause)

    @described("pause")
    def post(self, request: Request, pk: UUID) -> Response:
        """No new work for this host; what runs goes on."""
        return self.operate(request, pk)


class Resume(Operation):
    verb = staticmethod(administration.resume)

    @described("resume")
    def post(self, request: Request, pk: UUID) -> Response:
        """Give a paused host work again."""
        return self.operate(request, pk)


class Drain(Operation):
    verb = staticmethod(administration.drain)

    @described("drain")
    def post(self, request: Request, pk: UUID) -> Response:
        """No new work for this host; it is paused when what runs there has ended."""
        return self.operate(request, pk)


class Deactivate(Operation):
    verb = staticmethod(administration.deactivate)

    @described("deactivate")
    def post(self, request: Request, pk: UUID) -> Response:
        """Refuse the host's credential. What runs on it still reports."""
        return self.operate(request, pk)


class EndQuarantine(Operation):
    verb = staticmethod(quarantine.end)

    @described("end_quarantine")
    def post(self, request: Request, pk: UUID) -> Response:
        """Take the host's main agent for the only one again; enrol the other one anew first."""
        return self.operate(request, pk)


class RotateSecret(Operation):
    verb = staticmethod(rotation.ask)

    @described("rotate_secret")
    def post(self, request: Request, pk: UUID) -> Response:
        """The host's main agent is to take a new secret; the old one is refused once the new one was used."""
        return self.operate(request, pk)


class Reactivate(Operation):
    verb = staticmethod(administration.reactivate)

    @described("reactivate")
    def post(self, request: Request, pk: UUID) -> Response:
        """Let a deactivated host in again."""
        return self.operate(request, pk)


@extend_schema_view(
    get=extend_schema(
        operation_id="agents_events", responses={200: AgentEventReply(many=True), 404: OpenApiTypes.OBJECT}
    )
)
class AgentEvents(generics.ListAPIView[AgentEvent]):
    """The history of a host, oldest first."""

    serializer_class = AgentEventReply
    filter_backends = []
    queryset = AgentEvent.objects.none()

    def get_queryset(self) -> Any:
        return AgentEvent.objects.filter(agent=find_agent(self.kwargs["pk"])).order_by("id")


def find_agent(pk: UUID) -> Agent:
    agent = Agent.objects.filter(pk=pk).first()
    if agent is None:
        raise NotFound(f"There is no agent {pk}.")
    return agent
