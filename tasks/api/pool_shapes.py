"""Shapes of what is sent and answered about pools. Decides nothing."""

from typing import Any

from rest_framework import serializers

from agents.models import Pool
from agents.pools import LONGEST_DESCRIPTION, LONGEST_NAME
from agents.states import PolicyName
from scheduler_site.shared.strict_fields import Name, Text
from scheduler_site.shared.strict_serializers import RefuseUnknownFields
from tasks.agent_tree import whole
from tasks.pool_sums import Sums

MOST_MEMBERS = 10_000


class PoolEditRequest(RefuseUnknownFields):
    description = Text(required=False, max_length=LONGEST_DESCRIPTION)
    policy = serializers.ChoiceField(
        choices=PolicyName.choices, required=False, allow_blank=True, help_text="Empty: that of the site."
    )
    members = serializers.ListField(
        child=Name(max_length=120), required=False, max_length=MOST_MEMBERS, help_text="Names of hosts."
    )


class PoolCreateRequest(PoolEditRequest):
    name = Name(max_length=LONGEST_NAME)


class PoolGpuReply(serializers.Serializer[Any]):
    name = serializers.CharField()
    total = serializers.IntegerField()
    free = serializers.IntegerField(help_text="Idle ones.")


class PoolReply(serializers.Serializer[Any]):
    name = serializers.CharField()
    description = serializers.CharField()
    policy = serializers.CharField(help_text="Empty: that of the site.")
    created_at = serializers.DateTimeField()
    members = serializers.ListField(child=serializers.CharField())
    hosts = serializers.IntegerField()
    hosts_ready = serializers.IntegerField(help_text="Those that get work now.")
    cpu_cores = serializers.FloatField()
    available_cpu_cores = serializers.FloatField()
    memory_mib = serializers.IntegerField()
    available_memory_mib = serializers.IntegerField()
    gpu_memory_mib = serializers.IntegerField()
    available_gpu_memory_mib = serializers.IntegerField()
    gpus = PoolGpuReply(many=True)


class PoolsReply(serializers.Serializer[Any]):
    results = PoolReply(many=True)


def pool_values(pool: Pool, sums: Sums) -> dict[str, Any]:
    return {
        "name": pool.name,
        "description": pool.description,
        "policy": pool.policy,
        "created_at": pool.created_at,
        "members": sorted(agent.name for agent in pool.agents.all()),
        "hosts": sums.hosts,
        "hosts_ready": sums.hosts_ready,
        "cpu_cores": whole(sums.cores),
        "available_cpu_cores": whole(sums.free_cores),
        "memory_mib": sums.memory_mib,
        "available_memory_mib": sums.free_memory_mib,
        "gpu_memory_mib": sums.gpu_memory_mib,
        "available_gpu_memory_mib": sums.free_gpu_memory_mib,
        "gpus": [{"name": kind.name, "total": kind.total, "free": kind.free} for kind in sums.kinds],
    }
