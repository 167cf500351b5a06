"""Write one row of the history of administrative acts, and the same as a line of the server's log. Decides nothing."""

import logging
from typing import Any

from django.apps import apps
from django.db import transaction

from scheduler_site.shared.acting import current_actor, current_address
from scheduler_site.shared.actors import Actor
from scheduler_site.shared.audit import history_fields

log = logging.getLogger(__name__)


def record(verb: str, subject: str, *, actor: Actor | None = None, reason: str = "", **detail: Any) -> None:
    """`detail`: what changed, as [before, after]; never a secret. The model lies above this package, hence by name."""
    who, address = actor or current_actor(), current_address()
    fields = history_fields(who, verb, reason=reason, **detail)
    row = apps.get_model("scheduler_site", "AdministrativeEvent")
    row._default_manager.create(subject=subject[:200], address=address, **fields)
    line = "admin_%s subject=%r actor=%r address=%s detail=%r"
    transaction.on_commit(lambda: log.info(line, verb, subject, who.name, address, detail))
