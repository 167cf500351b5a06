"""Hosts with what runs on them, over REST. Here and not in agents, because it joins hosts and tasks."""

from typing import Any
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from agents.states import Connectivity, GpuState, Standing
from tasks.agent_tree import agent_tree
from tasks.states import Kept, SubAgentState


class GpuReply(serializers.Serializer[Any]):
    index = serializers.IntegerField()
    uuid = serializers.CharField()
    name = serializers.CharField()
    memory_mib = serializers.IntegerField(allow_null=True)
    memory_used_mib = serializers.IntegerField(allow_null=True)
    utilization = serializers.FloatField(allow_null=True, help_text="Percent.")


class AgentGpuReply(GpuReply):
    temperature_c = serializers.FloatField(allow_null=True)
    outsiders_mib = serializers.IntegerField(allow_null=True, help_text="Used by processes outside Nightshift.")
    is_used_outside = serializers.BooleanField(help_text="So much that it is not given away whole.")
    task_ids = serializers.ListField(child=serializers.IntegerField())
    reservation_ids = serializers.ListField(child=serializers.IntegerField())


class SubAgentGpuReply(GpuReply):
    is_shared = serializers.BooleanField()


class LiveSubAgentReply(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    type = serializers.CharField(help_text="sub")
    name = serializers.CharField()
    task_id = serializers.IntegerField()
    task_name = serializers.CharField()
    attempt_no = serializers.IntegerField()
    status = serializers.CharField(help_text="online or offline")
    state = serializers.ChoiceField(choices=SubAgentState.choices)
    created_time = serializers.DateTimeField()
    last_heartbeat_time = serializers.DateTimeField(allow_null=True)
    running_time = serializers.IntegerField(allow_null=True, help_text="Seconds.")
    cpu_cores = serializers.FloatField()
    cpu_usage = serializers.FloatField(allow_null=True, help_text="Percent; 100 is one core.")
    memory_used_mib = serializers.IntegerField(allow_null=True)
    process_count = serializers.IntegerField(allow_null=True)
    gpu_info = SubAgentGpuReply(many=True)
    main_agent_id = serializers.UUIDField()


class CapabilityReply(serializers.Serializer[Any]):
    name = serializers.CharField()
    version = serializers.CharField()
    origin = serializers.CharField(help_text="host or operator: who said so")


class CountedResourceReply(serializers.Serializer[Any]):
    name = serializers.CharField()
    total = serializers.IntegerField()
    available = serializers.IntegerField()
    origin = serializers.CharField(help_text="host or operator: who said so")


class HostReservationReply(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    name = serializers.CharField()
    submitted_by = serializers.CharField(allow_null=True)
    until = serializers.DateTimeField()
    cpu_cores = serializers.FloatField()
    gpu_indexes = serializers.ListField(child=serializers.IntegerField())
    whole_host = serializers.BooleanField()


class KeptReply(serializers.Serializer[Any]):
    task_id = serializers.IntegerField()
    task_name = serializers.CharField()
    attempt_no = serializers.IntegerField()
    why = serializers.ChoiceField(choices=Kept.choices)
    sentence = serializers.CharField()
    detail = serializers.CharField(allow_blank=True)
    since = serializers.DateTimeField()
    cpu_cores = serializers.FloatField()
    gpu_indexes = serializers.ListField(child=serializers.IntegerField())


class AgentReply(serializers.Serializer[Any]):
    """A main agent; `sub_agents` are those that are live."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    type = serializers.CharField(help_text="main")
    status = serializers.CharField(help_text="online or offline")
    standing = serializers.ChoiceField(choices=Standing.choices)
    standing_reason = serializers.CharField(allow_blank=True, help_text="Why it was paused or deactivated.")
    quarantine_reason = serializers.CharField(allow_blank=True, help_text="Empty: not in quarantine.")
    connectivity = serializers.ChoiceField(choices=Connectivity.choices)
    hostname = serializers.CharField()
    zone = serializers.CharField()
    address = serializers.CharField(help_text="Where other hosts reach it.")
    tracking = serializers.CharField(help_text="How the host finds the processes of its scripts.")
    weight = serializers.FloatField(help_text="Share of work under the weighted policy.")
    pools = serializers.ListField(child=serializers.CharField())
    labels = serializers.ListField(child=serializers.CharField(), help_text="What `requires` and `prefers` may name.")
    capabilities = CapabilityReply(many=True)
    resources = CountedResourceReply(many=True)
    agent_version = serializers.CharField()
    created_time = serializers.DateTimeField()
    last_heartbeat_time = serializers.DateTimeField(allow_null=True)
    running_time = serializers.IntegerField(allow_null=True, help_text="Seconds.")
    cpu_cores = serializers.FloatField(help_text="All of them.")
    cpu_cores_in_use = serializers.FloatField()
    available_cpu_cores = serializers.FloatField(help_text="Neither in use nor reserved.")
    cpu_usage = serializers.FloatField(allow_null=True, help_text="Percent of the host.")
    memory_mib = serializers.IntegerField(allow_null=True)
    memory_usage = serializers.FloatField(allow_null=True, help_text="Percent of the host.")
    memory_used_mib = serializers.IntegerField(allow_null=True)
    disk_free_mib = serializers.IntegerField(allow_null=True)
    load_1m = serializers.FloatField(allow_null=True)
    is_declared = serializers.BooleanField(help_text="The resources are pretended.")
    gpu_state = serializers.ChoiceField(choices=GpuState.choices)
    gpu_detail = serializers.CharField()
    gpu_info = AgentGpuReply(many=True)
    reservations = HostReservationReply(many=True, help_text="What is reserved now, and until when.")
    kept = KeptReply(many=True, help_text="Held for attempts that have ended, because something may be left of them.")
    sub_agents = LiveSubAgentReply(many=True)


class AgentTreeReply(serializers.Serializer[Any]):
    results = AgentReply(many=True)


class AgentTree(APIView):
    @extend_schema(operation_id="agents_list", responses=AgentTreeReply)
    def get(self, request: Request) -> Response:
        """Every host by name, with its live sub agents. Not paged."""
        return Response({"results": agent_tree()})


class OneAgent(APIView):
    @extend_schema(operation_id="agents_retrieve", responses={200: AgentReply, 404: OpenApiTypes.OBJECT})
    def get(self, request: Request, pk: UUID) -> Response:
        """One host with its live sub agents."""
        found = next((values for values in agent_tree() if values["id"] == str(pk)), None)
        if found is None:
            raise NotFound(f"There is no agent {pk}.")
        return Response(found)
