"""Shapes of what people send about reservations and get. Which values make sense together is decided by
tasks.reserving.reservations."""

from collections.abc import Sequence
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from scheduler_site.shared.strict_fields import Cores, CountObject, Switch, Text, Whole
from scheduler_site.shared.strict_serializers import RefuseUnknownFields
from tasks.models import Reservation, ReservationEvent
from tasks.reserving import describe_reservation, reservation_querysets
from tasks.reserving.reservation_fields import LONGEST_SECONDS
from tasks.states import ReservationState
from tasks.task_fields import LARGEST_MIB, MOST_NAMES, MOST_WORDS

WAIT = "Found no room by then: timed out. A day if left out."


def _texts(most: int, help_text: str) -> Any:
    return serializers.ListField(child=Text(), required=False, max_length=most, help_text=help_text)


class ReservationCreateRequest(RefuseUnknownFields):
    name = Text(required=False, max_length=200)
    priority = Whole(1, 5, required=False, help_text="1 is the highest, 5 the lowest; 3 if left out.")
    cpu_cores = Cores(required=False, help_text="One for each GPU if left out.")
    memory_mib = Whole(1, LARGEST_MIB, required=False, allow_null=True)
    disk_mib = Whole(1, LARGEST_MIB, required=False, allow_null=True)
    gpu_count = Whole(0, 64, required=False)
    gpu_memory = Whole(1, LARGEST_MIB, required=False, allow_null=True, help_text="MiB per GPU.")
    gpu_share = Switch(required=False, help_text="Part of a card; others may have the rest.")
    gpu_types = _texts(MOST_WORDS, "Any of these words in a card's name, such as a100.")
    gpu_indices = serializers.ListField(
        child=Whole(0, 255), required=False, max_length=64, help_text="These cards and no others; needs one host."
    )
    resources = CountObject(required=False, help_text="Counted resources by name, such as licences.")
    whole_host = Switch(required=False)
    hosts = _texts(MOST_NAMES, "Names of the only hosts that will do.")
    exclude_hosts = _texts(MOST_NAMES, "Names of hosts that will not do.")
    pool = Text(required=False)
    requires = Text(required=False, help_text="Capabilities, such as a100 & !(old | slow).")
    until = serializers.DateTimeField(required=False, allow_null=True, help_text="Held until then.")
    duration_seconds = Whole(
        1, LONGEST_SECONDS, required=False, allow_null=True, help_text="Instead of until: from when it was granted."
    )
    wait_until = serializers.DateTimeField(required=False, allow_null=True, help_text=WAIT)
    wait_seconds = Whole(1, LONGEST_SECONDS, required=False, allow_null=True, help_text="Instead of wait_until.")


class ReservationEditRequest(RefuseUnknownFields):
    until = serializers.DateTimeField(help_text="A new end that is still to come.")


class ReleaseRequest(RefuseUnknownFields):
    reason = Text(required=False, default="", max_length=300)


class HeldCard(serializers.Serializer[Any]):
    index = serializers.IntegerField(source="gpu.index", read_only=True)
    uuid = serializers.CharField(source="gpu.uuid", read_only=True)
    name = serializers.CharField(source="gpu.name", read_only=True)
    memory_mib = serializers.IntegerField(read_only=True)
    is_shared = serializers.BooleanField(read_only=True)


class ReservationReply(serializers.ModelSerializer[Reservation]):
    state = serializers.ChoiceField(choices=ReservationState.choices, read_only=True)
    cpu_cores = Cores(read_only=True)
    gpu_types = serializers.ListField(child=serializers.CharField(), read_only=True)
    gpu_indices = serializers.ListField(child=serializers.IntegerField(), read_only=True)
    resources = serializers.DictField(child=serializers.IntegerField(), read_only=True)
    hosts = serializers.ListField(child=serializers.CharField(), read_only=True)
    exclude_hosts = serializers.ListField(child=serializers.CharField(), read_only=True)
    submitted_by = serializers.CharField(source="submitted_by.username", read_only=True, allow_null=True, default=None)
    agent_id = serializers.UUIDField(read_only=True, allow_null=True)
    agent_name = serializers.CharField(source="agent.name", read_only=True, default="")
    gpus = serializers.SerializerMethodField()
    open_tasks = serializers.IntegerField(read_only=True, help_text="Open tasks that name it.")
    sentence = serializers.SerializerMethodField()

    class Meta:
        model = Reservation
        fields = [
            "id",
            "name",
            "submitted_by",
            "state",
            "sentence",
            "priority",
            "cpu_cores",
            "memory_mib",
            "disk_mib",
            "gpu_count",
            "gpu_memory",
            "gpu_share",
            "gpu_types",
            "gpu_indices",
            "resources",
            "whole_host",
            "hosts",
            "exclude_hosts",
            "pool",
            "requires",
            "created_time",
            "wait_until",
            "until",
            "duration_seconds",
            "agent_id",
            "agent_name",
            "gpus",
            "open_tasks",
            "granted_at",
            "ended_at",
            "end_detail",
        ]
        read_only_fields = fields

    @extend_schema_field(HeldCard(many=True))
    def get_gpus(self, row: Reservation) -> Any:
        return HeldCard(describe_reservation.cards(row), many=True).data

    def get_sentence(self, row: Reservation) -> str:
        """What it lacks, holds, or how it ended."""
        words: dict[int, str] = self.context["sentences"]
        return words[row.pk]


class ReservationEventReply(serializers.ModelSerializer[ReservationEvent]):
    class Meta:
        model = ReservationEvent
        fields = ["at", "verb", "actor_kind", "actor_name", "from_state", "to_state", "reason"]
        read_only_fields = fields


def replies(rows: Sequence[Reservation]) -> Any:
    return ReservationReply(rows, many=True, context={"sentences": describe_reservation.sentences(rows)}).data


def reply(pk: int) -> Any:
    return replies([reservation_querysets.for_lists().get(pk=pk)])[0]
