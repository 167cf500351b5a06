"""Reads of templates with how often and when they were last used. Writes nothing."""

from django.db.models import Count, Max, QuerySet

from templates_app.models import ScriptTemplate


def for_list() -> QuerySet[ScriptTemplate]:
    """Each template with its current version, `times_used` and `last_used_at` (tasks made from any of its versions)."""
    return ScriptTemplate.objects.select_related("current_version").annotate(
        times_used=Count("versions__tasks"), last_used_at=Max("versions__tasks__created_time")
    )
