"""Which server this is: the identity of its database, told to agents in every reply. Names no account."""

from typing import Any

from django.apps import apps

_known: str | None = None
_generation: str | None = None


def instance_id() -> str:
    """A UUID as text; agents compare it, so that a foreign or replaced database is noticed."""
    global _known
    if _known is None:
        _known = str(identity_row().instance_id)
    return _known


def generation() -> str:
    """Another one after every restore of a backup; agents compare it, so that they tell again what was forgotten."""
    global _generation
    if _generation is None:
        _generation = str(identity_row().generation)
    return _generation


def identity_row() -> Any:
    """The one ServerIdentity row, made at first use. The model lies above this package, hence by name."""
    return apps.get_model("scheduler_site", "ServerIdentity").objects.get_or_create(pk=1)[0]
