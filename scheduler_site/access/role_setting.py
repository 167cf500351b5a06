"""Gives an account its role: the one writer of the flags and the group that scheduler_site.shared.roles reads."""

from typing import Any

from django.contrib.auth.models import Group
from django.db import transaction

from scheduler_site.shared.actors import Actor
from scheduler_site.shared.administrative_history import record
from scheduler_site.shared.errors import Conflict
from scheduler_site.shared.identity import identity_row
from scheduler_site.shared.roles import SUBMITTERS, Role, kept_role


@transaction.atomic
def set_role(user: Any, role: Role, actor: Actor) -> None:
    """Takes effect with the next request. The owner stays an admin: somebody must be able to give roles."""
    if role != Role.ADMIN and identity_row().owner_id == user.pk:
        raise Conflict(f"{user} owns this site and stays an admin.")
    old = kept_role(user)
    user.is_superuser = role == Role.ADMIN
    user.is_staff = role in (Role.OPERATOR, Role.ADMIN)
    user.save(update_fields=["is_superuser", "is_staff"])
    submitters, _ = Group.objects.get_or_create(name=SUBMITTERS)
    if role == Role.SUBMITTER:
        user.groups.add(submitters)
    else:
        user.groups.remove(submitters)
    user._is_submitter = role == Role.SUBMITTER
    record("role_set", f"account {user}", actor=actor, role=[old, role])
