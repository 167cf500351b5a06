"""POST /api/agents/{id}/release/: an operator frees what is kept on a host for a task that has ended."""

from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from agents.api.operations import Operation, OperationRequest, StandingReply, find_agent
from scheduler_site.shared.actors import Actor
from scheduler_site.shared.strict_fields import LARGEST_BIG_INTEGER, Whole
from tasks.host_ends import kept


class ReleaseKeptRequest(OperationRequest):
    task = Whole(1, LARGEST_BIG_INTEGER, help_text="The id of the task whose part is kept.")


class ReleaseKept(Operation):
    @extend_schema(
        operation_id="agents_release",
        request=ReleaseKeptRequest,
        responses={200: StandingReply, 403: OpenApiTypes.OBJECT, 404: OpenApiTypes.OBJECT, 409: OpenApiTypes.OBJECT},
    )
    def post(self, request: Request, pk: UUID) -> Response:
        """Free what is kept for a task that has ended there. Look at the host first: its processes may be alive."""
        wishes = ReleaseKeptRequest(data=request.data)
        wishes.is_valid(raise_exception=True)
        said = wishes.validated_data
        agent = kept.release(find_agent(pk), said["task"], actor=Actor.user(request.user), reason=said["reason"])
        return Response(StandingReply(agent).data)
