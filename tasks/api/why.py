"""Why a task waits and when it would start, for a task that is there and for one that is only asked about."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from scheduler_site.shared.roles import Right
from scheduler_site.shared.strict_json import StrictJSONParser
from tasks.api.task_request import TaskCreateRequest
from tasks.api.tasks import BAD
from tasks.models import Task
from tasks.rehearsal import rehearse
from tasks.scheduling.explaining.outlook import Outlook
from tasks.scheduling.explaining.why import Why, why


class OutlookReply(serializers.Serializer[Outlook]):
    host = serializers.CharField()
    fits = serializers.BooleanField(help_text="It has room now.")
    reason = serializers.CharField(help_text="Goes on after the host's name.")
    is_final = serializers.BooleanField(help_text="It could not even take it when nobody is on it.")
    lacks = serializers.CharField(help_text="cpu, memory, disk, gpu, host, target, or a counted resource.")
    free_in_seconds = serializers.FloatField(
        allow_null=True, help_text="When it is expected to have room; null: unknown."
    )
    after = serializers.CharField(help_text="Who has to end before, such as #41.")


class TestReply(serializers.Serializer[Why]):
    """The answer for a task that nobody submitted."""

    sentence = serializers.CharField(help_text="Empty when it does not wait.")
    starts_at = serializers.DateTimeField(allow_null=True, help_text="Expected; null: cannot be foreseen.")
    starts_on = serializers.ListField(child=serializers.CharField(), help_text="The hosts, if starts_at is given.")
    basis = serializers.CharField(help_text="What the expectation rests on.")
    ahead = serializers.IntegerField(help_text="Waiting tasks before it in the queue.")
    hosts = OutlookReply(many=True)


class WhyReply(TestReply):
    task = serializers.IntegerField()


class TaskWhy(APIView):
    @extend_schema(operation_id="tasks_why", responses={200: WhyReply, 404: OpenApiTypes.OBJECT})
    def get(self, request: Request, pk: str) -> Response:
        """Why it waits: a sentence, when and where it is expected to start, and what each host says."""
        task = Task.objects.defer("script_content").select_related("submitted_by").filter(pk=int(pk)).first()
        if task is None:
            raise NotFound(f"There is no task {pk}.")
        return Response({"task": task.pk, **TestReply(why(task)).data})


class TaskTest(APIView):
    writes_need = Right.READ
    parser_classes = [StrictJSONParser]

    @extend_schema(operation_id="tasks_test", request=TaskCreateRequest, responses={200: TestReply, 400: BAD})
    def post(self, request: Request) -> Response:
        """Where and when this would start if it were submitted now. Checked like a submission; nothing is queued."""
        asked: Any = TaskCreateRequest(data=request.data)
        asked.is_valid(raise_exception=True)
        return Response(TestReply(rehearse(dict(asked.validated_data), user=request.user)).data)
