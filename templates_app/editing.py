"""Create and edit script templates: the only writer of versions. An edit that changes nothing adds no version."""

from typing import Any

from django.db import transaction
from django.utils import timezone

from scheduler_site.shared import administrative_history
from scheduler_site.shared.actors import Actor
from scheduler_site.shared.errors import Invalid
from templates_app.models import ScriptTemplate, TemplateVersion

VERSION_FIELDS = (
    "script_content",
    "priority",
    "cpu_cores",
    "memory_mib",
    "gpu_count",
    "gpu_memory",
    "time_limit_seconds",
)


@transaction.atomic
def create(name: str, description: str, version: dict[str, Any], user: Any = None) -> ScriptTemplate:
    if ScriptTemplate.objects.filter(name=name).exists():
        raise Invalid("name", f"A template named {name} exists already.")
    template = ScriptTemplate.objects.create(name=name, description=description)
    _record("template_made", template, user)
    _add_version(template, 1, version, user)
    return template


@transaction.atomic
def edit(
    template: ScriptTemplate, *, facts: dict[str, Any], version: dict[str, Any], user: Any = None
) -> ScriptTemplate:
    """Change name, description, is_archived in place (`facts`); a changed script or default makes the next version."""
    template = ScriptTemplate.objects.select_for_update(no_key=True).get(pk=template.pk)
    name = facts.get("name", template.name)
    if ScriptTemplate.objects.filter(name=name).exclude(pk=template.pk).exists():
        raise Invalid("name", f"A template named {name} exists already.")
    ScriptTemplate.objects.filter(pk=template.pk).update(**facts, updated_at=timezone.now())
    if changes := {key: [getattr(template, key), new] for key, new in facts.items() if getattr(template, key) != new}:
        _record("template_changed", template, user, **changes)
    current = template.versions.latest("number")
    merged = {field: version.get(field, getattr(current, field)) for field in VERSION_FIELDS}
    if any(getattr(current, field) != merged[field] for field in VERSION_FIELDS):
        _add_version(template, current.number + 1, {**merged, "note": version.get("note", "")}, user)
    template.refresh_from_db()
    return template


def _add_version(template: ScriptTemplate, number: int, fields: dict[str, Any], user: Any) -> None:
    template.current_version = TemplateVersion.objects.create(
        template=template, number=number, created_by=user, **fields
    )
    template.save(update_fields=["current_version"])
    _record("template_version_made", template, user, number=number)


def _record(verb: str, template: ScriptTemplate, user: Any, **detail: Any) -> None:
    actor = Actor.user(user) if user is not None else None
    administrative_history.record(verb, f"template {template.name}", actor=actor, **detail)
