"""Turn many requests into tasks at once: all of them or, when one is refused, none. What one request means is
tasks.submission's; here they may depend on each other, and a kind of task that fits is looked at once.
"""

import hashlib
from collections.abc import Sequence
from typing import Any

from django.db import IntegrityError, transaction

from scheduler_site.shared import statements
from scheduler_site.shared.actors import Actor
from scheduler_site.shared.errors import Conflict, DomainError
from tasks import dependencies, lifecycle
from tasks.models import IdempotencyKey, Task
from tasks.submission import InvalidTask, OnSite, checked_key, digest_of, prepared

MOST_TASKS = 1000
AT_ONCE = 200
_Asked = tuple[Task, Any]  # a checked task that is not stored, and what it depends on as it was asked for


class InvalidBatch(DomainError):
    """`tasks` maps the index of each wrong request to its wrong fields."""

    code = "invalid"
    status = 400

    def __init__(self, tasks: dict[int, dict[str, list[str]]]) -> None:
        index, fields = next(iter(tasks.items()))
        super().__init__(f"task {index}: " + "; ".join(f"{name}: {' '.join(words)}" for name, words in fields.items()))
        self.tasks = tasks


def submit_batch(
    wanted: Sequence[dict[str, Any]], *, actor: Actor, user: Any = None, idempotency_key: str = ""
) -> list[int]:
    """The ids of the new tasks, in order; with a known key and the same requests those of the tasks made before."""
    if not idempotency_key or user is None:
        return _store(_checked(wanted, user), actor)
    key, digest = checked_key(idempotency_key), digest_of({"tasks": list(wanted)})
    if known := _known(user, key, digest):
        return known
    asked = _checked(wanted, user)
    try:
        with transaction.atomic():
            ids = _store(asked, actor)
            _note(user, key, digest, ids)
            return ids
    except IntegrityError:
        if known := _known(user, key, digest):
            return known
        raise


def _checked(wanted: Sequence[dict[str, Any]], user: Any) -> list[_Asked]:
    on_site, found, wrong = OnSite(), [], {}
    for index, fields in enumerate(wanted):
        try:
            found.append(prepared(fields, user, on_site))
        except InvalidTask as error:
            wrong[index] = error.fields
    if wrong:
        raise InvalidBatch(wrong)
    return found


@transaction.atomic
def _store(asked: Sequence[_Asked], actor: Actor) -> list[int]:
    tasks = [task for task, _ in asked]
    new, wrong = [], {}
    for index, (task, depends_on) in enumerate(asked):
        try:
            outer, inner = dependencies.split(depends_on, tasks[:index] if depends_on else ())
            new.append((task, [*(dependencies.resolve(outer) if outer else ()), *inner]))
        except InvalidTask as error:
            wrong[index] = error.fields
    if wrong:
        raise InvalidBatch(wrong)
    return [task.pk for task in lifecycle.submit_all(new, actor=actor)]


def _note(user: Any, key: str, digest: str, ids: Sequence[int]) -> None:
    """The first under the key itself, the others under keys that nobody can send."""
    keys = [key, *(f"{_stem(key)}{number}" for number in range(1, len(ids)))]
    rows = [
        IdempotencyKey(user=user, key=one, request_hash=digest, task_id=task_id)
        for one, task_id in zip(keys, ids, strict=True)
    ]
    for first in range(0, len(rows), AT_ONCE):
        statements.insert(*rows[first : first + AT_ONCE])


def _known(user: Any, key: str, digest: str) -> list[int]:
    row = IdempotencyKey.objects.filter(user=user, key=key).first()
    if row is None:
        return []
    if row.request_hash != digest:
        raise Conflict(f"The idempotency key {key!r} was used for another request, which made task {row.task_id}.")
    others = IdempotencyKey.objects.filter(user=user, key__startswith=_stem(key), request_hash=digest)
    return [row.task_id, *others.order_by("task_id").values_list("task_id", flat=True)]


def _stem(key: str) -> str:
    """A header has no line break, so nobody's own key begins like this."""
    return f"{hashlib.sha256(key.encode()).hexdigest()}\n"
