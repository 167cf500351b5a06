"""How the site chooses hosts: its policy and its few numbers. The only writer of PlacementRules; chooses no host."""

import math
from collections.abc import Mapping
from typing import Any

from django.db import transaction

from agents.models import PlacementRules
from agents.placement_history import record
from agents.states import PolicyName
from scheduler_site.shared.actors import Actor
from scheduler_site.shared.errors import InvalidFields

SUBJECT = "placement rules"
HOURS = {"ageing_hours": (0.1, 8760.0), "usage_half_life_hours": (0.1, 8760.0)}
SECONDS = {"hold_after_seconds": (0, 366 * 86400), "start_hold_seconds": (0, 86400)}
FIELDS = ("policy", *HOURS, *SECONDS)


def change(fields: Mapping[str, Any], *, actor: Actor, reason: str = "") -> PlacementRules:
    """Takes effect in the next pass. What stays as it was is not written down."""
    check(fields)
    with transaction.atomic():
        PlacementRules.objects.get_or_create(pk=1)
        rules = PlacementRules.objects.select_for_update(no_key=True).get(pk=1)
        before = {name: getattr(rules, name) for name in fields if getattr(rules, name) != fields[name]}
        if before:
            PlacementRules.objects.filter(pk=1).update(**{name: fields[name] for name in before})
            _record(before, fields, actor, reason)
            rules.refresh_from_db()
    return rules


def check(fields: Mapping[str, Any]) -> None:
    """InvalidFields names every wrong one."""
    wrong = {name: [sentence] for name, value in fields.items() if (sentence := _fault(name, value))}
    if wrong:
        raise InvalidFields(wrong)


def check_policy(value: Any) -> str:
    """The sentence that says what is wrong, or nothing."""
    if value in PolicyName.values:
        return ""
    return f"{str(value)[:40]!r} is no policy; there are {', '.join(PolicyName.values)}"


def _fault(name: str, value: Any) -> str:
    if name == "policy":
        return check_policy(value)
    if name in HOURS:
        is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        return _outside(value, HOURS[name]) if is_number else "must be a number"
    if name in SECONDS:
        is_whole = isinstance(value, int) and not isinstance(value, bool)
        return _outside(value, SECONDS[name]) if is_whole else "must be a whole number"
    return "is not a rule of placement"


def _outside(value: float, bounds: tuple[float, float]) -> str:
    low, high = bounds
    return "" if low <= value <= high else f"must be between {low:g} and {high:.10g}"


def _record(before: Mapping[str, Any], after: Mapping[str, Any], actor: Actor, reason: str) -> None:
    old, new = str(before.get("policy", "")), str(after["policy"]) if "policy" in before else ""
    changes = {name: [before[name], after[name]] for name in before}
    record(SUBJECT, "rules_changed", actor=actor, old=old, new=new, reason=reason, **changes)
