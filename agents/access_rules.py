"""The rules of who may connect: added and removed here, with history. What they mean is shared.addresses'."""

from django.db import IntegrityError, transaction

from agents import placement_history
from agents.models import AccessRule
from agents.signals import access_changed
from scheduler_site.shared import addresses
from scheduler_site.shared.actors import Actor
from scheduler_site.shared.errors import Conflict, Invalid

SUBJECT = "access rules"


@transaction.atomic
def add(network: str, verdict: str, audience: str, *, actor: Actor, note: str = "") -> AccessRule:
    """Counts within seconds, in every process of the server. Loopback is always let in."""
    try:
        exact = str(addresses.network(network))
    except ValueError:
        raise Invalid("network", "must be an address or a network, such as 10.1.0.0/16") from None
    try:
        with transaction.atomic():
            row = AccessRule.objects.create(network=exact, verdict=verdict, audience=audience, note=note)
    except IntegrityError:
        raise Conflict("There is such a rule already.") from None
    placement_history.record(SUBJECT, f"added: {row}"[:40], actor=actor, reason=note, rule=str(row))
    transaction.on_commit(lambda: access_changed.send(sender=None))
    return row


@transaction.atomic
def remove(row: AccessRule, *, actor: Actor) -> None:
    placement_history.record(SUBJECT, f"removed: {row}"[:40], actor=actor, rule=str(row))
    AccessRule.objects.filter(pk=row.pk).delete()
    transaction.on_commit(lambda: access_changed.send(sender=None))


def rules() -> list[addresses.Rule]:
    rows = AccessRule.objects.values_list("network", "verdict", "audience")
    return [addresses.Rule(addresses.network(network), verdict, audience) for network, verdict, audience in rows]
