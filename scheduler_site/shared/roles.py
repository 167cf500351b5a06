"""What each role may do, in one table. Pages, REST, admin and the live socket ask here; nothing else looks at flags.

Where a role is kept: a superuser is an admin, staff are operators, the group `submitter` makes a submitter, everybody
else may only look. Who sets it: scheduler_site.access.role_setting.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

SUBMITTERS = "submitter"


class Role(StrEnum):
    VIEWER = "viewer"
    SUBMITTER = "submitter"
    OPERATOR = "operator"
    ADMIN = "admin"


class Right(StrEnum):
    READ = "read"
    SUBMIT = "submit"
    OPERATE = "operate"
    ADMINISTER = "administer"


RIGHTS: dict[Role, frozenset[Right]] = {
    Role.VIEWER: frozenset({Right.READ}),
    Role.SUBMITTER: frozenset({Right.READ, Right.SUBMIT}),
    Role.OPERATOR: frozenset({Right.READ, Right.SUBMIT, Right.OPERATE}),
    Role.ADMIN: frozenset(Right),
}

REFUSALS: dict[Right, str] = {
    Right.READ: "Only people who are signed in may see this.",
    Right.SUBMIT: "Your account may only look; ask an administrator for the role submitter.",
    Right.OPERATE: "Only staff may do this: operators and administrators.",
    Right.ADMINISTER: "Only administrators may do this.",
}


def role_of(user: Any) -> Role | None:
    """None for who is not signed in, and for accounts that are closed."""
    if user is None or not user.is_authenticated or not user.is_active:
        return None
    return kept_role(user)


def kept_role(user: Any) -> Role:
    """Also of a closed account: what it would be again."""
    if user.is_superuser:
        return Role.ADMIN
    if user.is_staff:
        return Role.OPERATOR
    return Role.SUBMITTER if _is_submitter(user) else Role.VIEWER


def may(user: Any, right: Right) -> bool:
    role = role_of(user)
    return role is not None and right in RIGHTS[role]


@dataclass(frozen=True)
class Rights:
    """`may.submit` and the like in templates: what is not allowed is not offered. Asked only where it is used."""

    user: Any

    def __getitem__(self, name: str) -> bool:
        return may(self.user, Right(name))


def may_change_own(user: Any, owner_id: int | None) -> bool:
    """Operators change everybody's things, submitters their own."""
    if may(user, Right.OPERATE):
        return True
    return owner_id is not None and owner_id == user.pk and may(user, Right.SUBMIT)


def _is_submitter(user: Any) -> bool:
    """Asked once for each object of a user, that is once for each request."""
    known: bool | None = getattr(user, "_is_submitter", None)
    if known is None:
        known = user._is_submitter = user.groups.filter(name=SUBMITTERS).exists()
    return known
