"""What an operator says a host can do. Writes capabilities of origin "operator" only.

An operator's word wins over the host's: a capability of the same name becomes the operator's. Once taken back, the host
may say it again when it opens its next session.
"""

from collections.abc import Mapping

from django.db import transaction

from agents.history import record
from agents.models import Agent, Capability
from agents.models.capability import LABEL, Origin, matches
from agents.signals import placement_changed
from scheduler_site.shared.actors import Actor
from scheduler_site.shared.errors import Invalid

LONGEST_NAME = 80
LONGEST_VERSION = 40


@transaction.atomic
def set_labels(agent: Agent, wanted: Mapping[str, str], *, actor: Actor) -> None:
    """`wanted`: all that operators say of the host, name -> version; what is not in it is taken back."""
    for name, version in wanted.items():
        _check(name, version)
    mine = Capability.objects.filter(agent=agent, origin=Origin.OPERATOR)
    before = dict(mine.values_list("name", "version"))
    said = {name: version for name, version in wanted.items() if before.get(name) != version}
    gone = sorted(before.keys() - wanted.keys())
    if not said and not gone:
        return
    mine.filter(name__in=gone).delete()
    for name, version in said.items():
        values = {"version": version, "origin": Origin.OPERATOR}
        Capability.objects.update_or_create(agent=agent, name=name, defaults=values)
    record(agent, "labels_changed", actor=actor, said=said, taken_back=gone)
    placement_changed.send(sender=None)


def _check(name: str, version: str) -> None:
    if not matches(LABEL, name, LONGEST_NAME):
        raise Invalid("name", f"{name[:40]!r} is no label: {LABEL.message}")
    if version and not matches(LABEL, version, LONGEST_VERSION):
        raise Invalid("version", f"{version[:40]!r} is no version: {LABEL.message}")
