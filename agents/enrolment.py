"""Let new hosts in: enrolment tokens, and the registration that spends one."""

import base64
import json
from contextlib import suppress
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from agents.credentials import hashed, new_secret
from agents.history import record
from agents.models import Agent, EnrolmentToken
from scheduler_site.shared import administrative_history
from scheduler_site.shared.actors import Actor
from scheduler_site.shared.errors import Conflict

PACKED = "nse1."  # agent_client reads it
_TRIES = 20


def create_token(
    label: str, *, user: Any = None, uses: int = 1, hours: float | None = None
) -> tuple[EnrolmentToken, str]:
    """A token and its plain text, which is not stored and cannot be shown again. `hours` None: never expires."""
    plain = new_secret()
    expires_at = None if hours is None else timezone.now() + timedelta(hours=hours)
    row = EnrolmentToken.objects.create(
        label=label, token_hash=hashed(plain), created_by=user, expires_at=expires_at, uses_left=uses
    )
    return row, plain


def packed(plain: str) -> str:
    """What a host is given: with a certificate of our own, the token says where we are and how to know us."""
    if not settings.PIN:
        return plain
    said = json.dumps({"url": settings.PUBLIC_URL, "pin": settings.PIN, "token": plain}, separators=(",", ":"))
    return PACKED + base64.urlsafe_b64encode(said.encode()).decode().rstrip("=")


def find_token(plain: str) -> EnrolmentToken | None:
    """The token if it still opens the door."""
    return _usable().filter(token_hash=hashed(plain)).first()


@transaction.atomic
def revoke(token: EnrolmentToken) -> None:
    """No further host is let in with it; the row stays."""
    if EnrolmentToken.objects.filter(pk=token.pk, uses_left__gt=0).update(uses_left=0):
        administrative_history.record("enrolment_token_revoked", f"enrolment token {token}")


@transaction.atomic
def register(
    token: EnrolmentToken, *, name: str, hostname: str, machine_id: str, agent_version: str
) -> tuple[Agent, str] | None:
    """Spend one use of the token and make the host. None when somebody else spent the last use."""
    if _usable().filter(pk=token.pk).update(uses_left=F("uses_left") - 1) != 1:
        return None
    secret = new_secret()
    columns = {"hostname": hostname, "machine_id": machine_id, "agent_version": agent_version}
    agent = _made(name, secret_hash=hashed(secret), **columns)
    record(agent, "registered", actor=Actor.agent(agent.name), reason=f"enrolment token “{token.label}”")
    return agent, secret


def _made(name: str, **columns: str) -> Agent:
    """Another host may take the free name at the same moment; then it is looked for again."""
    for _ in range(_TRIES):
        with suppress(IntegrityError), transaction.atomic():
            return Agent.objects.create(name=free_name(name), **columns)
    raise Conflict(f"Many hosts register as {name} at this moment; try again.")


def free_name(wanted: str) -> str:
    """`wanted` as one line, or with the first free suffix -2, -3, ..."""
    printable = "".join(character if character.isprintable() else " " for character in wanted)
    wanted = " ".join(printable.split())[:110] or "host"
    taken = set(Agent.objects.filter(name__startswith=wanted).values_list("name", flat=True))
    if wanted not in taken:
        return wanted
    number = 2
    while f"{wanted}-{number}" in taken:
        number += 1
    return f"{wanted}-{number}"


def _usable() -> QuerySet[EnrolmentToken]:
    alive = Q(expires_at__isnull=True) | Q(expires_at__gt=timezone.now())
    return EnrolmentToken.objects.filter(alive, uses_left__gt=0)
