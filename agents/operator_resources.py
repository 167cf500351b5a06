"""Counted resources that an operator sets: of a host, or of the whole site. Writes those of origin "operator" only.

Taking some away ends nothing that holds them: there is less for whoever comes next.
"""

from collections.abc import Mapping

from django.db import transaction

from agents import history, placement_history
from agents.models import Agent, CountedResource
from agents.models.capability import LABEL, Origin, matches
from agents.signals import placement_changed
from scheduler_site.shared.actors import Actor
from scheduler_site.shared.errors import Invalid

LONGEST_NAME = 80
MOST = 2**31 - 1


@transaction.atomic
def set_resources(agent: Agent, wanted: Mapping[str, int], *, actor: Actor) -> None:
    """`wanted`: all that operators set for the host, name -> total; what is not in it is taken away."""
    for name, total in wanted.items():
        _check(name, total)
    mine = CountedResource.objects.filter(agent=agent, origin=Origin.OPERATOR)
    before = dict(mine.values_list("name", "total"))
    changed = {name: total for name, total in wanted.items() if before.get(name) != total}
    gone = sorted(before.keys() - wanted.keys())
    if not changed and not gone:
        return
    mine.filter(name__in=gone).delete()
    for name, total in changed.items():
        values = {"total": total, "origin": Origin.OPERATOR}
        CountedResource.objects.update_or_create(agent=agent, name=name, defaults=values)
    history.record(agent, "resources_changed", actor=actor, totals=changed, taken_away=gone)
    placement_changed.send(sender=None)


@transaction.atomic
def set_site_resource(name: str, total: int, *, actor: Actor) -> CountedResource:
    """So many of it for the whole site, whichever host takes them."""
    _check(name, total)
    old = CountedResource.objects.filter(agent=None, name=name).first()
    row, _ = CountedResource.objects.update_or_create(agent=None, name=name, defaults={"total": total})
    if old is None or old.total != total:
        before = None if old is None else old.total
        placement_history.record(_subject(name), "resource_set", actor=actor, total=[before, total])
    return row


@transaction.atomic
def drop_site_resource(row: CountedResource, *, actor: Actor) -> None:
    placement_history.record(_subject(row.name), "resource_dropped", actor=actor, total=[row.total, None])
    row.delete()


def _subject(name: str) -> str:
    return f"resource {name}"


def _check(name: str, total: int) -> None:
    if not matches(LABEL, name, LONGEST_NAME):
        raise Invalid("name", f"{name[:40]!r} is no name of a resource: {LABEL.message}")
    if not 0 <= total <= MOST:
        raise Invalid("total", f"must be between 0 and {MOST}")
