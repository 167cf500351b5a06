"""Shapes in which people get templates and their versions. Read only."""

from rest_framework import serializers

from scheduler_site.shared.strict_fields import Cores
from templates_app.models import ScriptTemplate, TemplateVersion

VERSION_FIELDS = [
    "script_content",
    "priority",
    "cpu_cores",
    "memory_mib",
    "gpu_count",
    "gpu_memory",
    "time_limit_seconds",
]


class TemplateReply(serializers.ModelSerializer[ScriptTemplate]):
    """A template with its current version."""

    version = serializers.IntegerField(source="current_version.number", read_only=True)
    script_content = serializers.CharField(source="current_version.script_content", read_only=True)
    priority = serializers.IntegerField(source="current_version.priority", read_only=True)
    cpu_cores = Cores(source="current_version.cpu_cores", read_only=True)
    memory_mib = serializers.IntegerField(source="current_version.memory_mib", read_only=True, allow_null=True)
    gpu_count = serializers.IntegerField(source="current_version.gpu_count", read_only=True)
    gpu_memory = serializers.IntegerField(source="current_version.gpu_memory", read_only=True, allow_null=True)
    time_limit_seconds = serializers.IntegerField(
        source="current_version.time_limit_seconds", read_only=True, allow_null=True
    )

    class Meta:
        model = ScriptTemplate
        fields = ["id", "name", "description", "version", *VERSION_FIELDS, "is_archived", "created_at", "updated_at"]
        read_only_fields = fields


class VersionReply(serializers.ModelSerializer[TemplateVersion]):
    version = serializers.IntegerField(source="number", read_only=True)
    cpu_cores = Cores(read_only=True)
    created_by = serializers.CharField(source="created_by.username", default=None, read_only=True, allow_null=True)

    class Meta:
        model = TemplateVersion
        fields = ["version", *VERSION_FIELDS, "note", "created_at", "created_by"]
        read_only_fields = fields
