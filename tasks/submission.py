"""Turn what somebody asks for into a task. Checks everything first: a refused request leaves nothing behind.

Knows nothing of forms or HTTP. Storing is tasks.lifecycle.submit's. Hosts are looked at before a transaction begins,
so that a refused or a slow request never holds the database.
"""

import hashlib
import json
from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from scheduler_site.shared.actors import Actor
from scheduler_site.shared.errors import Conflict
from tasks import dependencies, known_names, lifecycle, task_fields
from tasks.models import IdempotencyKey, Task
from tasks.scheduling.explaining import capacity
from tasks.scheduling.rows.request import SHAPE_COLUMNS, site_resource_names, task_request
from tasks.task_fields import InvalidTask
from templates_app.models import ScriptTemplate, TemplateVersion

__all__ = ["InvalidTask", "check", "edit", "submit"]

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
        return _store(*_prepared(fields, user), actor)
    digest = _digest(fields)
    known = _known(user, idempotency_key, digest)
    if known is not None:
        return known
    task, depends_on = _prepared(fields, user)
    try:
        with transaction.atomic():
            _store(task, depends_on, actor)
            IdempotencyKey.objects.create(user=user, key=idempotency_key, request_hash=digest, task=task)
            return task
    except IntegrityError:
        known = _known(user, idempotency_key, digest)
        if known is None:
            raise
        return known


def check(fields: dict[str, Any], *, user: Any = None) -> Task:
    """The task that `submit` would make, not stored; refused as it would be."""
    task, depends_on = _prepared(fields, user)
    with transaction.atomic():
        dependencies.resolve(depends_on)
    return task


def edit(task_id: int, changes: dict[str, Any], *, actor: Actor, user: Any = None) -> Task:
    """Check and change a task that is not on a host yet. Conflict when it is; InvalidTask for wrong values."""
    changes = dict(changes)
    unknown = {name: ["cannot be changed"] for name in changes if name not in EDITABLE}
    if unknown:
        raise InvalidTask(unknown)
    has_dependencies = "depends_on" in changes
    asked = changes.pop("depends_on", None)
    cleaned = _columns(task_fields.clean(changes))
    if not _DECIDES_WHERE.isdisjoint(cleaned):
        changed = _with(Task.objects.get(pk=task_id), cleaned)
        _check_together(changed)
        _check_on_site(changed, user, cleaned)
    if "deadline_at" in cleaned and cleaned["deadline_at"] != Task.objects.get(pk=task_id).deadline_at:
        _refuse_past(cleaned["deadline_at"])
    with transaction.atomic():
        resolved = dependencies.resolve(asked, task_id=task_id) if has_dependencies else None
        _check_together(_with(Task.objects.select_for_update(no_key=True).get(pk=task_id), cleaned))
        if resolved is not None:
            lifecycle.depend_on(task_id, resolved, actor=actor)
        return lifecycle.edit(task_id, cleaned, actor=actor) if cleaned else Task.objects.get(pk=task_id)


_DECIDES_WHERE = frozenset((*SHAPE_COLUMNS, "wait_for_host"))


def _prepared(fields: dict[str, Any], user: Any) -> tuple[Task, Any]:
    """A checked task that is not stored, and what it depends on as it was asked for."""
    fields = dict(fields)
    depends_on = fields.pop("depends_on", None)
    version = _template(fields.pop("template", None))
    if version is not None:
        fields = {**_defaults(version), **fields}
    cleaned = task_fields.clean(fields)
    _require(cleaned)
    _refuse_past(cleaned.get("deadline_at"))
    task = Task(submitted_by=user, template_version=version, **_columns(cleaned))
    _check_together(task)
    _check_on_site(task, user, SHAPE_COLUMNS)
    return task, depends_on


@transaction.atomic
def _store(task: Task, depends_on: Any, actor: Actor) -> Task:
    return lifecycle.submit(task, dependencies.resolve(depends_on), actor=actor)


def _columns(cleaned: dict[str, Any]) -> dict[str, Any]:
    return {"reservation_id" if name == "reservation" else name: value for name, value in cleaned.items()}


def _with(task: Task, changes: dict[str, Any]) -> Task:
    for name, value in changes.items():
        setattr(task, name, value)
    return task


def _check_together(task: Task) -> None:
    names = (*SHAPE_COLUMNS, "retries", *task_fields.RETRY_WISHES)
    task_fields.check_together({name: getattr(task, name) for name in names})


def _check_on_site(task: Task, user: Any, changed: Collection[str]) -> None:
    """What the fields mean here; `wait_for_host` accepts what no known host could run."""
    unknown = known_names.unknown(task, user, changed)
    if unknown:
        raise InvalidTask(unknown)
    if task.wait_for_host:
        return
    blame = capacity.blame(task_request(task, site_resource_names()).shape)
    if blame:
        way_out = known_names.ANYWAY if task.reservation_id is None else known_names.OUTSIDE
        blame[next(reversed(blame))].append(way_out)
        raise InvalidTask(blame)


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


def _refuse_past(deadline_at: datetime | None) -> None:
    """A deadline that has passed would move the task forward for nothing."""
    if deadline_at is not None and deadline_at <= timezone.now():
        raise InvalidTask({"deadline_at": ["must be still to come"]})


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
