"""Tasks over REST: list, create, detail, change, cancel, ids, attempts, history. Parses and answers; verbs decide."""

from collections.abc import Callable
from typing import Any

from django.db.models import Max, QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import mixins, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound, PermissionDenied, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from scheduler_site.shared.actors import Actor
from scheduler_site.shared.roles import Right
from scheduler_site.shared.strict_fields import LARGEST_BIG_INTEGER
from scheduler_site.shared.strict_filters import StrictFilterBackend
from scheduler_site.shared.strict_json import StrictJSONParser
from scheduler_site.shared.strict_serializers import RefuseUnknownFields
from tasks import lifecycle, querysets, submission
from tasks.api.task_filters import TaskFilter
from tasks.api.task_reply import EventReply, IdsReply, SubAgentReply, TaskDetail, TaskRow, detail, detail_of_new, rows
from tasks.api.task_request import CancelRequest, HoldRequest, TaskCreateRequest, TaskEditRequest, create_fields
from tasks.host_ends import late_result
from tasks.models import Task, TaskEvent
from tasks.permissions import may_change

IDEMPOTENCY_HEADER = "Idempotency-Key"
MOST_IDS = 100_000

KEY = OpenApiParameter(
    IDEMPOTENCY_HEADER,
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="Sent again with the same key and body, the request gives the task made first instead of another one.",
)
BAD = OpenApiResponse(OpenApiTypes.OBJECT, 'A field is wrong: `{"field": ["sentence"]}`.')
CONFLICT = OpenApiResponse(OpenApiTypes.OBJECT, "The task is not in a state in which this can be done.")
HELD = {200: TaskDetail, 400: BAD, 403: OpenApiTypes.OBJECT, 409: CONFLICT}


class IdsQuery(RefuseUnknownFields):
    since = serializers.IntegerField(required=False, default=0, min_value=0, max_value=LARGEST_BIG_INTEGER)


@extend_schema_view(list=extend_schema(operation_id="tasks_list", responses={200: TaskRow(many=True), 400: BAD}))
class TaskViewSet(mixins.ListModelMixin, viewsets.GenericViewSet[Any]):
    writes_need = Right.SUBMIT
    queryset = Task.objects.none()
    serializer_class = TaskRow
    parser_classes = [StrictJSONParser]
    filter_backends = [StrictFilterBackend]
    filterset_class = TaskFilter
    lookup_value_regex = "[0-9]{1,18}"

    def get_queryset(self) -> QuerySet[Task]:
        return querysets.for_lists()

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Tasks, newest first, without their scripts."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(rows(page or []))

    @extend_schema(request=TaskCreateRequest, parameters=[KEY], responses={201: TaskDetail, 400: BAD, 409: CONFLICT})
    def create(self, request: Request) -> Response:
        """Submit a script. It waits, or is blocked while a task it depends on is open."""
        task = submission.submit(
            create_fields(request.data),
            actor=Actor.user(request.user),
            user=request.user,
            idempotency_key=key_of(request),
        )
        return Response(detail_of_new(task), status=201, headers={"Location": f"/api/tasks/{task.pk}/"})

    @extend_schema(responses={200: TaskDetail, 404: OpenApiTypes.OBJECT})
    def retrieve(self, request: Request, pk: str) -> Response:
        """One task with its script."""
        return Response(detail(self._task(pk).pk))

    @extend_schema(
        request=TaskEditRequest, responses={200: TaskDetail, 400: BAD, 403: OpenApiTypes.OBJECT, 409: CONFLICT}
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change a task that waits for a host or for other tasks. Only the fields given are changed."""
        task = self._task_to_change(pk)
        changes = _checked(TaskEditRequest(data=request.data))
        submission.edit(task.pk, changes, actor=Actor.user(request.user), user=request.user)
        return Response(detail(task.pk))

    @extend_schema(
        operation_id="tasks_cancel",
        request=CancelRequest,
        responses={200: TaskDetail, 400: BAD, 403: OpenApiTypes.OBJECT, 409: CONFLICT},
    )
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        """Cancel. A running script gets TERM, and KILL after its grace; until then it has the badge `canceling`."""
        task = self._task_to_change(pk)
        wishes = _checked(CancelRequest(data=request.data))
        lifecycle.cancel(task.pk, actor=Actor.user(request.user), **wishes)
        return Response(detail(task.pk))

    @extend_schema(
        operation_id="tasks_run_dependants",
        request=None,
        responses={200: IdsReply, 403: OpenApiTypes.OBJECT, 409: CONFLICT},
    )
    @action(detail=True, methods=["post"], url_path="run-dependants")
    def run_dependants(self, request: Request, pk: str) -> Response:
        """Its success was told after it had been given up: submit anew what was canceled for that. No end changes."""
        copies = late_result.run_dependants(self._task_to_change(pk).pk, actor=Actor.user(request.user))
        ids = [copy.pk for copy in copies]
        return Response({"ids": ids, "max_id": max(ids)})

    @extend_schema(operation_id="tasks_hold", request=HoldRequest, responses=HELD)
    @action(detail=True, methods=["post"])
    def hold(self, request: Request, pk: str) -> Response:
        """Keep a task that is not on a host from being placed. Said again, it changes nothing."""
        return self._change_hold(request, pk, lifecycle.hold)

    @extend_schema(operation_id="tasks_release", request=HoldRequest, responses=HELD)
    @action(detail=True, methods=["post"])
    def release(self, request: Request, pk: str) -> Response:
        """Let a held task go; it waits from now on. Of a task that is not held nothing changes."""
        return self._change_hold(request, pk, lifecycle.release)

    def _change_hold(self, request: Request, pk: str, verb: Callable[..., Task]) -> Response:
        task = self._task_to_change(pk)
        verb(task.pk, actor=Actor.user(request.user), **_checked(HoldRequest(data=request.data)))
        return Response(detail(task.pk))

    @extend_schema(operation_id="tasks_ids", parameters=[IdsQuery], filters=False, responses={200: IdsReply, 400: BAD})
    @action(detail=False, pagination_class=None)
    def ids(self, request: Request) -> Response:
        """Ids above `since`, ascending, at most 100,000; while the last is below `max_id`, ask again from it."""
        since = _checked(IdsQuery(data=request.query_params))["since"]
        ids = Task.objects.filter(pk__gt=since).order_by("pk").values_list("pk", flat=True)[:MOST_IDS]
        max_id = Task.objects.aggregate(value=Max("pk"))["value"] or 0
        return Response({"ids": list(ids), "max_id": max_id})

    @extend_schema(operation_id="tasks_sub_agents", filters=False, responses=SubAgentReply(many=True))
    @action(detail=True, url_path="sub-agents")
    def sub_agents(self, request: Request, pk: str) -> Response:
        """Every attempt at the task, latest first, with its host and logs."""
        page = self.paginate_queryset(querysets.sub_agents_of(self._task(pk)))
        return self.get_paginated_response(SubAgentReply(page, many=True).data)

    @extend_schema(operation_id="tasks_events", filters=False, responses=EventReply(many=True))
    @action(detail=True)
    def events(self, request: Request, pk: str) -> Response:
        """The history of the task, oldest first."""
        history = TaskEvent.objects.filter(task=self._task(pk)).select_related("sub_agent").order_by("id")
        return self.get_paginated_response(EventReply(self.paginate_queryset(history), many=True).data)

    def _task(self, pk: str) -> Task:
        task = Task.objects.defer("script_content").filter(pk=int(pk)).first()
        if task is None:
            raise NotFound(f"There is no task {pk}.")
        return task

    def _task_to_change(self, pk: str) -> Task:
        task = self._task(pk)
        if not may_change(self.request.user, task):
            raise PermissionDenied("Only the one who submitted a task, or staff, can change it.")
        return task


def _checked(serializer: serializers.Serializer[Any]) -> dict[str, Any]:
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


def key_of(request: Request) -> str:
    key = request.headers.get(IDEMPOTENCY_HEADER, "")
    if len(key) > submission.LONGEST_KEY:
        raise ValidationError({IDEMPOTENCY_HEADER: [f"must be at most {submission.LONGEST_KEY} characters"]})
    return key
