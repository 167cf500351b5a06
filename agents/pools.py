"""Pools: made, changed and deleted by operators. The only writer of Pool.

Whether somebody still waits for a pool that is to be deleted is tasks.pools' question.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from django.db import IntegrityError, transaction

from agents import history
from agents.models import Agent, Pool
from agents.models.capability import matches
from agents.models.pool import NAME
from agents.placement_history import record
from agents.placement_rules import check_policy
from scheduler_site.shared.actors import Actor
from scheduler_site.shared.errors import InvalidFields

LONGEST_NAME = 80
LONGEST_DESCRIPTION = 300
TAKEN = "there is a pool of this name already"


def create(fields: Mapping[str, Any], *, actor: Actor) -> Pool:
    """`fields`: name, and description, policy and members (names of hosts) as wished. InvalidFields names the wrong."""
    _check({"name": "", **fields})
    facts = {name: fields[name] for name in ("name", "description", "policy") if name in fields}
    try:
        with transaction.atomic():
            pool = Pool.objects.create(**facts)
            joined, _ = _set_members(pool, fields.get("members", ()), actor)
            record(_subject(pool), "pool_created", actor=actor, new=pool.policy, members=joined)
    except IntegrityError:
        raise InvalidFields({"name": [TAKEN]}) from None
    return pool


@transaction.atomic
def change(pool: Pool, fields: Mapping[str, Any], *, actor: Actor) -> Pool:
    """Description, policy and members; a name stays, because tasks know the pool by it."""
    _check(fields)
    pool = Pool.objects.select_for_update(no_key=True).get(pk=pool.pk)
    old = pool.policy
    changes: dict[str, Any] = {}
    for name in ("description", "policy"):
        if name in fields and fields[name] != getattr(pool, name):
            changes[name] = [getattr(pool, name), fields[name]]
            setattr(pool, name, fields[name])
    pool.save(update_fields=["description", "policy"])
    if "members" in fields:
        joined, left = _set_members(pool, fields["members"], actor)
        changes |= {word: names for word, names in (("joined", joined), ("left", left)) if names}
    if changes:
        record(_subject(pool), "pool_changed", actor=actor, old=old, new=pool.policy, **changes)
    return pool


@transaction.atomic
def delete(pool: Pool, *, actor: Actor, reason: str = "") -> None:
    _set_members(pool, (), actor)
    record(_subject(pool), "pool_deleted", actor=actor, old=pool.policy, reason=reason)
    pool.delete()


def _subject(pool: Pool) -> str:
    return f"pool {pool.name}"


def _set_members(pool: Pool, names: Iterable[str], actor: Actor) -> tuple[list[str], list[str]]:
    """Returns who joined and who left, by name; each is written in the host's own history."""
    wanted = {agent.name: agent for agent in Agent.objects.filter(name__in=list(names))}
    present = {agent.name: agent for agent in pool.agents.all()}
    joined, left = sorted(wanted.keys() - present.keys()), sorted(present.keys() - wanted.keys())
    pool.agents.add(*(wanted[name] for name in joined))
    pool.agents.remove(*(present[name] for name in left))
    for name in joined:
        history.record(wanted[name], "pool_joined", actor=actor, pool=pool.name)
    for name in left:
        history.record(present[name], "pool_left", actor=actor, pool=pool.name)
    return joined, left


def _check(fields: Mapping[str, Any]) -> None:
    wrong = {name: [sentence] for name, value in fields.items() if (sentence := _fault(name, value))}
    if wrong:
        raise InvalidFields(wrong)


def _fault(name: str, value: Any) -> str:
    if name == "name":
        return _name_fault(value)
    if name == "description":
        is_fine = isinstance(value, str) and len(value) <= LONGEST_DESCRIPTION
        return "" if is_fine else f"must be text of at most {LONGEST_DESCRIPTION} characters"
    if name == "policy":
        return check_policy(value) if value else ""
    return _members_fault(value)


def _name_fault(value: Any) -> str:
    if not isinstance(value, str) or not matches(NAME, value, LONGEST_NAME):
        return f"must be 1 to {LONGEST_NAME} of letters, digits, dot, dash, underscore, the first a letter or digit"
    return TAKEN if Pool.objects.filter(name=value).exists() else ""


def _members_fault(value: Any) -> str:
    names = list(dict.fromkeys(value))
    known = set(Agent.objects.filter(name__in=names).values_list("name", flat=True))
    unknown = [name for name in names if name not in known]
    return f"there is no host {', '.join(map(repr, unknown[:5]))}" if unknown else ""
