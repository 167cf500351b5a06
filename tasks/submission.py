"""Turn what somebody asks for into a task. Checks everything first: a refused request leaves nothing behind.

Knows nothing of forms or HTTP. Storing is tasks.lifecycle.submit's.
"""

import hashlib
import json
from typing import Any

from django.db import IntegrityError, transaction

from scheduler_site.shared.actors import Actor
from scheduler_site.shared.errors import Conflict
from tasks import dependencies, lifecycle, task_fields
from tasks.models import IdempotencyKey, Task
from tasks.task_fields import InvalidTask
from templates_app.models import ScriptTemplate, TemplateVersion

__all__ = ["InvalidTask", "edit", "submit"]

FROM_TEMPLATE = (
    "script_content",
    "priority",
    "cpu_cores",
    "memory_mib",
    "gpu_count",
    "gpu_memory",
    "time_limit_seconds",
)
EDITABLE = frozenset(task_fields.CHECKS) | {"depends_on"}


def submit(fields: dict[str, Any], *, actor: Actor, user: Any = None, idempotency_key: str = "") -> Task:
    """A new task, or with a known idempotency key and the same fields the task made before.

    `fields` are Task's columns plus `depends_on` and `template` (name or id). InvalidTask names every wrong field;
    Conflict when the key was used for something else.
    """
    if not idempotency_key or user is None:
        return _submit(fields, actor, user)
    digest = _digest(fields)
    try:
        with transaction.atomic():
            known = _known(user, idempotency_key, digest)
            if known is not None:
                return known
            task = _submit(fields, actor, user)
            IdempotencyKey.objects.create(user=user, key=idempotency_key, request_hash=digest, task=task)
            return task
    except IntegrityError:
        known = _known(user, idempotency_key, digest)
        if known is None:
            raise
        return known


def edit(task_id: int, changes: dict[str, Any], *, actor: Actor) -> Task:
    """Check and change a task that is not on a host yet. Conflict when it is; InvalidTask for wrong values."""
    changes = dict(changes)
    unknown = {name: ["cannot be changed"] for name in changes if name not in EDITABLE}
    if unknown:
        raise InvalidTask(unknown)
    has_dependencies = "depends_on" in changes
    asked = changes.pop("depends_on", None)
    cleaned = task_fields.clean(changes)
    with transaction.atomic():
        resolved = dependencies.resolve(asked, task_id=task_id) if has_dependencies else None
        task = Task.objects.select_for_update().get(pk=task_id)
        task_fields.check_together({name: cleaned.get(name, getattr(task, name)) for name in _TOGETHER})
        if resolved is not None:
            lifecycle.depend_on(task_id, resolved, actor=actor)
        return lifecycle.edit(task_id, cleaned, actor=actor) if cleaned else Task.objects.get(pk=task_id)


_TOGETHER = ("gpu_count", "gpu_memory", "gpu_share")


@transaction.atomic
def _submit(fields: dict[str, Any], actor: Actor, user: Any) -> Task:
    fields = dict(fields)
    asked = fields.pop("depends_on", None)
    version = _template(fields.pop("template", None))
    if version is not None:
        fields = {**_defaults(version), **fields}
    cleaned = task_fields.clean(fields)
    _require(cleaned)
    task_fields.check_together(cleaned)
    task = Task(submitted_by=user, template_version=version, **cleaned)
    return lifecycle.submit(task, dependencies.resolve(asked), actor=actor)


def _template(asked: Any) -> TemplateVersion | None:
    if asked is None or asked == "":
        return None
    by_id = isinstance(asked, int) and not isinstance(asked, bool) and abs(asked) < 2**63
    rows = ScriptTemplate.objects.select_related("current_version").filter(is_archived=False)
    template = rows.filter(pk=asked).first() if by_id else rows.filter(name=str(asked)).first()
    if template is None or template.current_version is None:
        raise InvalidTask({"template": [f"There is no template {asked!r}."]})
    return template.current_version


def _defaults(version: TemplateVersion) -> dict[str, Any]:
    return {
        "template_type": version.template.name,
        **{name: getattr(version, name) for name in FROM_TEMPLATE},
    }


def _require(cleaned: dict[str, Any]) -> None:
    missing = {name: ["must be given"] for name in ("name", "script_content") if not cleaned.get(name)}
    if missing:
        raise InvalidTask(missing)


def _digest(fields: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(fields, sort_keys=True, default=str).encode()).hexdigest()


def _known(user: Any, key: str, digest: str) -> Task | None:
    if len(key) > 200:
        raise InvalidTask({"Idempotency-Key": ["must have at most 200 characters"]})
    row = IdempotencyKey.objects.select_related("task").filter(user=user, key=key).first()
    if row is None:
        return None
    if row.request_hash != digest:
        raise Conflict(f"The idempotency key {key!r} was used for another request, which made task {row.task_id}.")
    return row.task
