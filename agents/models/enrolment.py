"""EnrolmentToken: lets a new main agent register. Only its hash is kept."""

from django.conf import settings
from django.db import models
from django.utils import timezone


class EnrolmentToken(models.Model):
    label = models.CharField(max_length=120, help_text="What it was made for.")
    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    uses_left = models.PositiveIntegerField(default=1)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.label
