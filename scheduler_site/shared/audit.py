"""The abstract history row of an aggregate: who did what, when, and why. Rows are only ever added."""

from typing import Any

from django.db import models
from django.utils import timezone

from scheduler_site.shared.actors import Actor


class HistoryRow(models.Model):
    at = models.DateTimeField(default=timezone.now, editable=False)
    verb = models.CharField(max_length=40)
    actor_kind = models.CharField(max_length=10)
    actor_name = models.CharField(max_length=150)
    from_state = models.CharField(max_length=20, blank=True)
    to_state = models.CharField(max_length=20, blank=True)
    reason = models.CharField(max_length=300, blank=True)
    detail = models.JSONField(default=dict, blank=True)

    class Meta:
        abstract = True
        ordering = ["id"]

    def __str__(self) -> str:
        states = [state for state in (self.from_state, self.to_state) if state]
        change = f": {' → '.join(states)}," if self.to_state != self.from_state else ""
        return f"{self.verb}{change} by {self.actor_name}"


def history_fields(
    actor: Actor, verb: str, old: str = "", new: str = "", reason: str = "", **detail: Any
) -> dict[str, Any]:
    """The columns of one history row, for `Model(**fields, aggregate=...)`."""
    return {
        "verb": verb,
        "actor_kind": actor.kind,
        "actor_name": actor.name[:150],
        "from_state": old,
        "to_state": new,
        "reason": reason[:300],
        "detail": detail,
    }
