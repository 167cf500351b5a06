"""PlacementEvent: the history of what is decided for the whole site: rules, pools, resources of the site by operators,
the breaker of mass lapses by the server.

What they decide about one host is in that host's own history (AgentEvent).
"""

from django.db import models

from scheduler_site.shared.audit import HistoryRow

_LISTS = {"members": "made with", "joined": "joined by", "left": "left by"}


class PlacementEvent(HistoryRow):
    subject = models.CharField(max_length=120, help_text="Such as “pool fast”; it stays when the pool is deleted.")

    @property
    def sentence(self) -> str:
        """`pool fast: policy changed from random to nearest, by ada`"""
        changes = [_change(name, value) for name, value in sorted(self.detail.items(), key=_rank) if value]
        return f"{self.subject}: {'; '.join(changes) or _words(self.verb)}, by {self.actor_name}"

    class Meta(HistoryRow.Meta):
        indexes = [models.Index(fields=["subject", "id"], name="placement_event_by_subject")]


def _rank(change: tuple[str, object]) -> tuple[int, str]:
    """Lists of names come last. Not every database keeps the order of what it stores as JSON."""
    name = change[0]
    return (list(_LISTS).index(name) + 1 if name in _LISTS else 0), name


def _change(name: str, value: object) -> str:
    """Of two values the old and the new one; else a list of names."""
    if name in _LISTS and isinstance(value, list):
        return f"{_LISTS[name]} {', '.join(map(str, value))}"
    if isinstance(value, list) and len(value) == 2:
        old, new = ("nothing" if part in (None, "") else part for part in value)
        return f"{_words(name)} changed from {old} to {new}"
    return f"{_words(name)} {value}"


def _words(name: str) -> str:
    return name.replace("_", " ")
