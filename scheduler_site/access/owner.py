"""The account that sign-in links open: superuser, without a usable password until one is set."""

import getpass
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import transaction

from scheduler_site.shared.identity import identity_row


@transaction.atomic
def owner() -> Any:
    """Made at the first call and remembered in the database."""
    row = identity_row()
    if row.owner is None:
        row.owner = _make(settings.OWNER or _system_user())
        row.save(update_fields=["owner"])
    return row.owner


def _make(name: str) -> Any:
    """A user of that name who is there already (from createsuperuser) is taken as he is."""
    user, is_new = get_user_model().objects.get_or_create(
        username=name, defaults={"is_staff": True, "is_superuser": True}
    )
    if is_new:
        user.set_unusable_password()
        user.save(update_fields=["password"])
    return user


def _system_user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return "owner"
