"""A dry run: where and when a request would start if it were submitted now. Checks it like a submission; stores
nothing.
"""

from typing import Any

from django.db import transaction

from tasks import dependencies, submission
from tasks.scheduling.explaining.sentences import listed
from tasks.scheduling.explaining.why import Why, why
from tasks.scheduling.rows import lanes
from tasks.states import dependency_verdict


def rehearse(fields: dict[str, Any], *, user: Any) -> Why:
    """InvalidTask for what a submission would refuse. With open dependencies nobody knows when: only they are named."""
    task = submission.check(fields, user=user)
    task.start_by = lanes.columns_of(task)["start_by"]
    first = _open_dependencies(fields.get("depends_on"))
    if first:
        return Why(f"It would wait for {listed(first)} first; what the hosts have room for then is not known yet.")
    return why(task)


def _open_dependencies(asked: Any) -> list[str]:
    with transaction.atomic():
        found = dependencies.resolve(asked)
    return [f"#{other.pk} ({other.status})" for other, kind in found if dependency_verdict(kind, other.status) is None]
