"""Shapes of what people send about tasks. Which values make sense together is decided by tasks.submission."""

import threading
from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from scheduler_site.shared.strict_fields import (
    LARGEST_BIG_INTEGER,
    Cores,
    CountObject,
    JsonObject,
    Name,
    Switch,
    Text,
    TextObject,
    Whole,
    json_type,
)
from scheduler_site.shared.strict_serializers import RefuseUnknownFields
from tasks.dependencies import MOST_DEPENDENCIES
from tasks.shortage import LARGEST_FACTOR, SMALLEST_FACTOR
from tasks.states import DependencyKind, FailureClass
from tasks.task_fields import LARGEST_ID, LARGEST_MIB, LONGEST_SECONDS, MOST_HOSTS, MOST_NAMES, MOST_WORDS

GPU_MEMORY = "MiB per GPU: a minimum for whole cards, the booked part when gpu_share is set."


class DependencyRequest(RefuseUnknownFields):
    id = Whole(1, LARGEST_BIG_INTEGER)
    kind = serializers.ChoiceField(choices=DependencyKind.choices, default=DependencyKind.AFTEROK.value)


@extend_schema_field(
    {
        "oneOf": [
            {"type": "integer", "minimum": 1},
            {
                "type": "object",
                "required": ["id"],
                "properties": {
                    "id": {"type": "integer", "minimum": 1},
                    "kind": {"type": "string", "enum": DependencyKind.values, "default": DependencyKind.AFTEROK.value},
                },
            },
        ]
    }
)
class DependencyField(serializers.Field[Any, Any, Any, Any]):
    """A task's id, or `{"id": 12, "kind": "afterany"}`."""

    def to_internal_value(self, data: Any) -> int | dict[str, Any]:
        if isinstance(data, Mapping):
            request = DependencyRequest(data=data)
            request.is_valid(raise_exception=True)
            return dict(request.validated_data)
        if isinstance(data, bool) or not isinstance(data, int):
            raise serializers.ValidationError(f"must be a task's id or {{id, kind}}, not {json_type(data)}")
        if not 1 <= data <= LARGEST_BIG_INTEGER:
            raise serializers.ValidationError("is not a task's id")
        return data


@extend_schema_field({"oneOf": [{"type": "integer"}, {"type": "string"}]})
class TemplateField(serializers.Field[Any, Any, Any, Any]):
    """A template's name or id."""

    def to_internal_value(self, data: Any) -> int | str:
        if isinstance(data, bool) or not isinstance(data, int | str):
            raise serializers.ValidationError(f"must be a template's name or id, not {json_type(data)}")
        return Text().run_validation(data) if isinstance(data, str) else data


@extend_schema_field({"type": "number", "minimum": SMALLEST_FACTOR, "maximum": LARGEST_FACTOR})
class FactorField(serializers.Field[float, Any, float, Any]):
    """A number by which something grows."""

    def to_internal_value(self, data: Any) -> float:
        if isinstance(data, bool) or not isinstance(data, int | float):
            raise serializers.ValidationError(f"must be a number, not {json_type(data)}")
        if not SMALLEST_FACTOR <= data <= LARGEST_FACTOR:
            raise serializers.ValidationError(f"must be between {SMALLEST_FACTOR} and {LARGEST_FACTOR}")
        return float(data)


def _texts(most: int, help_text: str) -> Any:
    return serializers.ListField(child=Text(), required=False, max_length=most, help_text=help_text)


class PlacementFields(RefuseUnknownFields):
    """Which hosts will do, and what is booked there beside cores, memory and cards."""

    gpu_types = _texts(MOST_WORDS, "Any of these words in a card's name, such as a100.")
    disk_mib = Whole(1, LARGEST_MIB, required=False, allow_null=True)
    resources = CountObject(required=False, help_text="Counted resources by name, such as licences.")
    node_count = Whole(1, MOST_HOSTS, required=False, help_text="More than 1: so many hosts start it together.")
    whole_host = Switch(required=False, help_text="Nothing else runs on the host meanwhile.")
    hosts = _texts(MOST_NAMES, "Names of the only hosts that will do.")
    exclude_hosts = _texts(MOST_NAMES, "Names of hosts that will not do.")
    pool = Text(required=False, help_text="Name of the pool that the host must be in.")
    requires = Text(required=False, help_text="Capabilities, such as a100 & !(old | slow).")
    prefers = _texts(MOST_WORDS, "Like requires, but these only order the hosts.")
    zone = Text(required=False, help_text="Where its data is; the nearest policy goes by it.")
    reservation = Whole(1, LARGEST_ID, required=False, allow_null=True, help_text="Runs inside this one.")
    wait_for_host = Switch(required=False, help_text="Queue it although no known host could run it.")


ON_HOST_LOSS = (
    "keep (if left out): it goes on without contact, and nothing is tried again by itself; failover: its host stops "
    "it when contact is lost, and another host takes over."
)


class TaskFields(PlacementFields):
    """What may be said at submission and changed while the task waits. Sizes are MiB, durations seconds."""

    description = Text(required=False)
    template_type = Text(required=False, max_length=120, help_text="A template's name, or any word of yours.")
    environment = TextObject(required=False)
    working_directory = Text(required=False, help_text="On the host; empty: the home folder.")
    split_output = Switch(required=False, help_text="Keep stderr apart from stdout.")
    metadata = JsonObject(required=False)
    priority = Whole(1, 5, required=False, help_text="1 is the highest, 5 the lowest; 3 if left out.")
    cpu_cores = Cores(required=False, help_text="1 if left out; fractions are allowed.")
    memory_mib = Whole(1, LARGEST_MIB, required=False, allow_null=True)
    gpu_count = Whole(0, 64, required=False)
    gpu_memory = Whole(1, LARGEST_MIB, required=False, allow_null=True, help_text=GPU_MEMORY)
    gpu_share = Switch(required=False)
    estimated_seconds = Whole(1, LONGEST_SECONDS, required=False, allow_null=True)
    time_limit_seconds = Whole(1, LONGEST_SECONDS, required=False, allow_null=True)
    grace_seconds = Whole(0, 300, required=False, help_text="Between TERM and KILL.")
    retries = Whole(0, 100, required=False, help_text="How often a failed run is tried again.")
    retry_on = serializers.ListField(
        child=serializers.ChoiceField(choices=FailureClass.choices),
        required=False,
        max_length=len(FailureClass),
        help_text="Which failures are tried again; empty: all but host_lost.",
    )
    retry_exit_codes = serializers.ListField(
        child=Whole(1, 255),
        required=False,
        max_length=255,
        help_text="Of scripts that fail by themselves only these; empty: any.",
    )
    on_host_loss = Text(required=False, help_text=ON_HOST_LOSS)
    oom_memory_factor = FactorField(
        required=False, allow_null=True, help_text="After running out of memory, ask for so many times as much."
    )
    oom_exclusive = Switch(required=False, help_text="After running out of a shared GPU's memory, take a whole one.")
    deadline_at = serializers.DateTimeField(
        required=False, allow_null=True, help_text="Needed by then: moves it forward within its priority."
    )
    depends_on = serializers.ListField(child=DependencyField(), required=False, max_length=MOST_DEPENDENCIES)


class TaskCreateRequest(TaskFields):
    name = Name(max_length=200)
    script_content = Text(required=False, help_text="Required unless a template gives it.")
    template = TemplateField(required=False, help_text="Fills what is left out.")


_kept = threading.local()


def create_fields(data: Any) -> dict[str, Any]:
    """Checked as TaskCreateRequest says; ValidationError else. One for each thread: to make it costs more than to use
    it."""
    if not hasattr(_kept, "request"):
        _kept.request = TaskCreateRequest()
    return dict(_kept.request.run_validation(data))


class TaskEditRequest(TaskFields):
    name = Name(required=False, max_length=200)
    script_content = Text(required=False)


class HoldRequest(RefuseUnknownFields):
    reason = Text(required=False, default="", max_length=300)


class CancelRequest(RefuseUnknownFields):
    reason = Text(required=False, default="", max_length=300)
    force = Switch(
        required=False, default=False, help_text="Do not wait for a host that is not heard; what is left there is kept."
    )
    kill_now = Switch(required=False, default=False, help_text="Skip the grace between TERM and KILL.")
