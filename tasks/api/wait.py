"""GET tasks/wait: hangs until tasks have ended. Who waits is asked in a thread like every other call; the waiting is
the loop's (scheduler_site.shared.later)."""

from typing import Any

import msgspec
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.views import APIView

from scheduler_site.shared.later import Later
from scheduler_site.shared.strict_serializers import RefuseUnknownFields
from tasks.api.tasks import BAD
from tasks.models import Task
from tasks.states import FINAL_STATUSES
from tasks.waiters import Waiter

MOST_IDS = 500
LONGEST_SECONDS = 25.0  # proxies cut a connection on which nothing comes for 30 or 60 s


class WaitQuery(RefuseUnknownFields):
    id = serializers.RegexField(
        r"^[0-9]{1,18}(,[0-9]{1,18})*\Z", max_length=MOST_IDS * 19, help_text=f"41,42: at most {MOST_IDS} ids."
    )
    until = serializers.ChoiceField(choices=["any", "all"], required=False, default="any", help_text="Have ended.")
    seconds = serializers.FloatField(
        required=False,
        default=LONGEST_SECONDS,
        min_value=0,
        max_value=LONGEST_SECONDS,
        help_text="Then it answers, at the latest.",
    )

    def validate_id(self, text: str) -> list[int]:
        ids = sorted({int(word) for word in text.split(",")})
        if len(ids) > MOST_IDS:
            raise serializers.ValidationError(f"at most {MOST_IDS} ids")
        return ids


class WaitReply(serializers.Serializer[Any]):
    ended = serializers.ListField(child=serializers.IntegerField(), help_text="Completed, failed or canceled.")
    completed = serializers.ListField(child=serializers.IntegerField(), help_text="Those of them that completed.")
    open = serializers.ListField(child=serializers.IntegerField(), help_text="Not yet.")


class TaskWait(APIView):
    @extend_schema(
        operation_id="tasks_wait",
        parameters=[WaitQuery],
        responses={200: WaitReply, 400: BAD, 404: OpenApiTypes.OBJECT},
    )
    def get(self, request: Request) -> HttpResponse:
        """Answers as soon as any of these tasks has ended, or all have; else after `seconds`. Then ask again."""
        asked: Any = WaitQuery(data=request.query_params)
        asked.is_valid(raise_exception=True)
        query = asked.validated_data
        waiter = Waiter(query["id"], until_all=query["until"] == "all")
        waiter.note(_ended(query["id"]))
        return Later(_told(waiter), lambda: _waited(waiter, query["seconds"]), content_type="application/json")


def _ended(ids: list[int]) -> dict[int, str]:
    statuses = dict(Task.objects.filter(pk__in=ids).values_list("pk", "status"))
    if missing := [task_id for task_id in ids if task_id not in statuses]:
        raise NotFound(f"There is no task {missing[0]}.")
    return {task_id: status for task_id, status in statuses.items() if status in FINAL_STATUSES}


async def _waited(waiter: Waiter, seconds: float) -> bytes:
    await waiter.wait(seconds)
    return _told(waiter)


def _told(waiter: Waiter) -> bytes:
    told = {"ended": waiter.ended(), "completed": waiter.completed(), "open": waiter.still_open()}
    return msgspec.json.encode(told)
