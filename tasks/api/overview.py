"""The overview over REST. The figures are made by tasks.overview."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tasks.overview import figures
from tasks.states import TaskStatus


class InUse(serializers.Serializer[Any]):
    in_use = serializers.FloatField()
    total = serializers.FloatField()


class AgentCounts(serializers.Serializer[Any]):
    online = serializers.IntegerField()
    offline = serializers.IntegerField()


class TaskCounts(serializers.Serializer[Any]):
    """One number for each status."""

    def get_fields(self) -> dict[str, Any]:
        return {status: serializers.IntegerField() for status in TaskStatus.values}


class OverviewReply(serializers.Serializer[Any]):
    tasks = TaskCounts()
    failed_24h = serializers.IntegerField()
    gpus = InUse()
    cpu_cores = InUse()
    agents = AgentCounts()
    alarms = serializers.ListField(child=serializers.CharField())


class Overview(APIView):
    @extend_schema(operation_id="overview", responses=OverviewReply)
    def get(self, request: Request) -> Response:
        """Counts of tasks by status, and what of the hosts that are online is in use."""
        return Response(figures())
