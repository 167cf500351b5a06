"""POST tasks/batch: many tasks in one request. Parses and answers; tasks.batch decides."""

import threading
from collections.abc import Mapping
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from scheduler_site.shared.actors import Actor
from scheduler_site.shared.roles import Right
from scheduler_site.shared.strict_fields import Whole
from scheduler_site.shared.strict_json import StrictJSONParser
from scheduler_site.shared.strict_serializers import RefuseUnknownFields
from tasks.api.task_request import DependencyField, TaskCreateRequest
from tasks.api.tasks import BAD, CONFLICT, KEY, key_of
from tasks.batch import MOST_TASKS, InvalidBatch, submit_batch
from tasks.dependencies import MOST_DEPENDENCIES
from tasks.states import DependencyKind

_kept = threading.local()


class InnerDependency(RefuseUnknownFields):
    index = Whole(0, MOST_TASKS - 1, help_text="Position in this batch, before the task itself.")
    kind = serializers.ChoiceField(choices=DependencyKind.choices, default=DependencyKind.AFTEROK.value)


@extend_schema_field(
    {
        "oneOf": [
            {"type": "integer", "minimum": 1},
            {
                "type": "object",
                "properties": {
                    "id": {"type": "integer", "minimum": 1},
                    "index": {"type": "integer", "minimum": 0, "maximum": MOST_TASKS - 1},
                    "kind": {"type": "string", "enum": DependencyKind.values, "default": DependencyKind.AFTEROK.value},
                },
            },
        ]
    }
)
class BatchDependencyField(DependencyField):
    """A task's id, `{"id": 12, "kind": "afterany"}`, or `{"index": 0}` for an earlier one of the batch."""

    def to_internal_value(self, data: Any) -> int | dict[str, Any]:
        if isinstance(data, Mapping) and "index" in data:
            return dict(InnerDependency().run_validation(data))
        return super().to_internal_value(data)


class BatchTaskRequest(TaskCreateRequest):
    depends_on = serializers.ListField(child=BatchDependencyField(), required=False, max_length=MOST_DEPENDENCIES)


class BatchRequest(RefuseUnknownFields):
    tasks = serializers.ListField(child=serializers.DictField(), min_length=1, max_length=MOST_TASKS)


class BatchShape(serializers.Serializer[Any]):
    """For the description only: the tasks are checked one by one, with what is kept of the checks."""

    tasks = BatchTaskRequest(many=True)


class BatchReply(serializers.Serializer[Any]):
    ids = serializers.ListField(child=serializers.IntegerField(), help_text="Of the new tasks, in their order.")


class TaskBatch(APIView):
    writes_need = Right.SUBMIT
    parser_classes = [StrictJSONParser]

    @extend_schema(
        operation_id="tasks_batch",
        request=BatchShape,
        parameters=[KEY],
        responses={201: BatchReply, 400: BAD, 403: OpenApiTypes.OBJECT, 409: CONFLICT},
    )
    def post(self, request: Request) -> Response:
        """Submit up to 1,000 scripts: all of them or, when one is refused, none. A task may depend on earlier ones of
        the batch by `{"index": 0}`."""
        asked = BatchRequest(data=request.data)
        asked.is_valid(raise_exception=True)
        wanted = _checked(asked.validated_data["tasks"])
        try:
            ids = submit_batch(
                wanted, actor=Actor.user(request.user), user=request.user, idempotency_key=key_of(request)
            )
        except InvalidBatch as error:
            raise serializers.ValidationError({"tasks": _by_index(error.tasks)}) from None
        return Response({"ids": ids}, status=201)


def _checked(tasks: list[Any]) -> list[dict[str, Any]]:
    if not hasattr(_kept, "request"):
        _kept.request = BatchTaskRequest()
    found, wrong = [], {}
    for index, data in enumerate(tasks):
        try:
            found.append(dict(_kept.request.run_validation(data)))
        except serializers.ValidationError as error:
            wrong[index] = error.detail
    if wrong:
        raise serializers.ValidationError({"tasks": _by_index(wrong)})
    return found


def _by_index(wrong: Mapping[int, Any]) -> dict[str, Any]:
    return {str(index): fields for index, fields in wrong.items()}
