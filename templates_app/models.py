"""ScriptTemplate and its versions. A version is never changed: editing adds the next one (templates_app.editing)."""

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone


class ScriptTemplate(models.Model):
    name = models.CharField(max_length=120, unique=True)
    description = models.TextField(blank=True)
    is_archived = models.BooleanField(default=False, help_text="Not offered for new tasks; old ones keep their link.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now, editable=False)
    current_version = models.OneToOneField(
        "templates_app.TemplateVersion", null=True, editable=False, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class TemplateVersion(models.Model):
    """One text with its default resources. `gpu_memory` is MiB per GPU."""

    template = models.ForeignKey(ScriptTemplate, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    script_content = models.TextField()
    priority = models.PositiveSmallIntegerField(default=3, validators=[MinValueValidator(1), MaxValueValidator(5)])
    cpu_cores = models.DecimalField(max_digits=8, decimal_places=2, default=1)
    memory_mib = models.PositiveBigIntegerField(null=True, blank=True)
    gpu_count = models.PositiveSmallIntegerField(default=0)
    gpu_memory = models.PositiveIntegerField(null=True, blank=True)
    time_limit_seconds = models.PositiveIntegerField(null=True, blank=True)
    note = models.CharField(max_length=200, blank=True, help_text="What changed.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT)

    class Meta:
        ordering = ["template", "-number"]
        constraints = [models.UniqueConstraint(fields=["template", "number"], name="template_version_once")]

    def __str__(self) -> str:
        return f"{self.template.name} v{self.number}"
