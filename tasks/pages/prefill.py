"""What a new-task form starts with: nothing, a template's defaults, or what an earlier task asked for."""

import uuid
from typing import Any

from django.http import QueryDict

from agents.models import Gpu
from tasks.models import Reservation, Task
from tasks.pages import dependency_text
from tasks.pages.dependency_text import TypedDependency
from tasks.pages.form import CUSTOM, OTHER
from templates_app.editing import VERSION_FIELDS
from templates_app.forms import shown_value
from templates_app.models import ScriptTemplate

EMPTY_SCRIPT = "#!/usr/bin/env bash\nset -euo pipefail\n\n"
_COPIED = (
    "name", "description", "template_type", "script_content", "priority", "memory_mib", "gpu_count", "gpu_memory",
    "gpu_share", "estimated_seconds", "time_limit_seconds", "retries", "working_directory", "environment", "metadata",
    "split_output", "gpu_types", "disk_mib", "resources", "node_count", "whole_host", "hosts", "exclude_hosts", "pool",
    "requires", "prefers", "zone", "wait_for_host", "retry_on", "retry_exit_codes", "on_host_loss",
    "oom_memory_factor", "oom_exclusive",
)  # fmt: skip


def initial_values(query: QueryDict) -> dict[str, Any]:
    """`?from=41` copies a task, `?template=3` a template, `?reservation=5` puts it in there; unknown ones leave the
    form empty."""
    values: dict[str, Any] = {"script_content": EMPTY_SCRIPT}
    template = _row(ScriptTemplate, query.get("template", ""))
    task = _row(Task, query.get("from", ""))
    if template is not None:
        values |= from_template(template)
    if task is not None:
        values |= from_task(task)
    reservation = _row(Reservation, query.get("reservation", ""))
    if reservation is not None:
        values["reservation"] = reservation.pk
    return {**_gpu_memory_choice(values), "idempotency_key": uuid.uuid4().hex}


def from_template(template: ScriptTemplate) -> dict[str, Any]:
    version = template.current_version
    if version is None:
        return {}
    defaults = {name: shown_value(version, name) for name in VERSION_FIELDS}
    return {**defaults, "template": template.pk, "template_type": template.name}


def from_task(task: Task) -> dict[str, Any]:
    values = {name: getattr(task, name) for name in _COPIED}
    values["template_type"] = task.template_type or CUSTOM  # the command line and REST ask for none
    values["reservation"] = task.reservation_id
    values["cpu_cores"] = f"{task.cpu_cores.normalize():f}"
    version = task.template_version
    if version is not None and not version.template.is_archived:
        values["template"] = version.template_id
    edges = task.dependencies.select_related("depends_on")
    values["depends_on"] = dependency_text.show([TypedDependency(edge.depends_on_id, edge.kind) for edge in edges])
    return values


def gpu_sizes() -> list[tuple[int, int]]:
    """(MiB, cards with at least that much) for every size of card there is, smallest first."""
    found = Gpu.objects.filter(is_present=True).values_list("memory_mib", flat=True)
    sizes = sorted(size for size in found if size)
    return [(size, sum(other >= size for other in sizes)) for size in dict.fromkeys(sizes)]


def _gpu_memory_choice(values: dict[str, Any]) -> dict[str, Any]:
    mib = values.get("gpu_memory")
    if not mib or mib in dict(gpu_sizes()):
        return values
    return {**values, "gpu_memory": OTHER, "gpu_memory_other": mib}


def _row(model: Any, text: str) -> Any:
    is_id = text.isascii() and text.isdigit() and len(text) < 19
    return model.objects.filter(pk=int(text)).first() if is_id else None
