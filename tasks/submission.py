"""Turn what somebody asks for into a task. Checks everything first: a refused request leaves nothing behind.

Knows nothing of forms or HTTP. Storing is tasks.lifecycle.submit's. Hosts are looked at before a transaction begins,
so that a refused or a slow request never holds the database.
"""

import hashlib
import json
from collections.abc import Collection
from datetime import datetime
from functools import cached_property
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from scheduler_site.shared.actors import Actor
from scheduler_site.shared.errors import Conflict
from tasks import dependencies, known_names, lifecycle, task_fields
from tasks.models import IdempotencyKey, Task
from tasks.scheduling.explaining import capacity
from tasks.scheduling.rows.request import SHAPE_COLUMNS, site_resource_names, task_request
from tasks.scheduling.values import Shape
from tasks.task_fields import InvalidTask
from templates_app.models import ScriptTemplate, TemplateVersion

__all__ = ["InvalidTask", "OnSite", "check", "checked_key", "digest_of", "edit", "prepared", "submit"]

FROM_TEMPLATE = (
    "script_content",
    "priority",
    "cpu_cores",
    "memory_mib",
    "gpu_count",
    "gpu_memory",
    "time_limit_seconds",
)
LONGEST_KEY = 200
EDITABLE = frozenset(task_fields.CHECKS) | {"depends_on"}


def submit(fields: dict[str, Any], *, actor: Actor, user: Any = None, idempotency_key: str = "") -> Task:
    """A new task, or with a known idempotency key and the same fields the task made before.

    `fields` are Task's columns plus `depends_on` and `template` (name or id). InvalidTask names every wrong field;
    Conflict when the key was used for something else.
    """
    if not idempotency_key or user is None:
        return _store(*prepared(fields, user), actor)
    checked_key(idempotency_key)
    digest = digest_of(fields)
    known = _known(user, idempotency_key, digest)
    if known is not None:
        return known
    task, depends_on = prepared(fields, user)
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
    task, depends_on = prepared(fields, user)
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
        _check_on_site(changed, user, cleaned, OnSite())
    if "deadline_at" in cleaned and cleaned["deadline_at"] != Task.objects.get(pk=task_id).deadline_at:
        _refuse_past(cleaned["deadline_at"])
    with transaction.atomic():
        resolved = dependencies.resolve(asked, task_id=task_id) if has_dependencies else None
        _check_together(_with(Task.objects.select_for_update(no_key=True).get(pk=task_id), cleaned))
        if resolved is not None:
            lifecycle.depend_on(task_id, resolved, actor=actor)
        return lifecycle.edit(task_id, cleaned, actor=actor) if cleaned else Task.objects.get(pk=task_id)


_DECIDES_WHERE = frozenset((*SHAPE_COLUMNS, "wait_for_host"))


class OnSite:
    """What is asked of the site, once for each kind of task. Lives as long as one request."""

    def __init__(self) -> None:
        self._fitting: set[Shape] = set()

    @cached_property
    def resource_names(self) -> frozenset[str]:
        return site_resource_names()

    def blame(self, task: Task) -> dict[str, list[str]]:
        shape = task_request(task, self.resource_names).shape
        if shape in self._fitting:
            return {}
        found = capacity.blame(shape)
        if not found:
            self._fitting.add(shape)
        return found


def prepared(fields: dict[str, Any], user: Any, on_site: OnSite | None = None) -> tuple[Task, Any]:
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
    _check_on_site(task, user, SHAPE_COLUMNS, on_site or OnSite())
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


def _check_on_site(task: Task, user: Any, changed: Collection[str], on_site: OnSite) -> None:
    """What the fields mean here; `wait_for_host` accepts what no known host could run."""
    unknown = known_names.unknown(task, user, changed)
    if unknown:
        raise InvalidTask(unknown)
    if task.wait_for_host:
        return
    blame = on_site.blame(task)
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


def digest_of(fields: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(fields, sort_keys=True, default=str).encode()).hexdigest()


def checked_key(key: str) -> str:
    """InvalidTask when it is too long."""
    if len(key) > LONGEST_KEY:
        raise InvalidTask({"Idempotency-Key": [f"must have at most {LONGEST_KEY} characters"]})
    return key


def _known(user: Any, key: str, digest: str) -> Task | None:
    row = IdempotencyKey.objects.select_related("task").filter(user=user, key=key).first()
    if row is None:
        return None
    if row.request_hash != digest:
        raise Conflict(f"The idempotency key {key!r} was used for another request, which made task {row.task_id}.")
    return row.task
