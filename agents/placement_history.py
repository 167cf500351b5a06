"""Write one row of the history of rules, pools and the site's resources, and the same as a line of the server's log.

Tells whoever places tasks that there is something new. Does not decide anything.
"""

import logging
from typing import Any

from django.db import transaction

from agents.models import PlacementEvent
from agents.signals import placement_changed
from scheduler_site.shared.actors import Actor
from scheduler_site.shared.audit import history_fields

log = logging.getLogger(__name__)


def record(
    subject: str, verb: str, *, actor: Actor, old: str = "", new: str = "", reason: str = "", **detail: Any
) -> None:
    PlacementEvent.objects.create(subject=subject, **history_fields(actor, verb, old, new, reason, **detail))
    line, values = "placement_%s subject=%r actor=%r detail=%r", (verb, subject, actor.name, detail)
    transaction.on_commit(lambda: log.info(line, *values))
    placement_changed.send(sender=None)
