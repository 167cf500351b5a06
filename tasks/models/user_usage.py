"""UserUsage: what each user has used, for fair share. Written by tasks.fair_share only."""

from django.conf import settings
from django.db import models
from django.utils import timezone


class UserUsage(models.Model):
    """`share_hours`: hours times the part of the site that was held, halved every `usage_half_life_hours`, as of
    `counted_at`."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="usage")
    share_hours = models.FloatField(default=0.0)
    counted_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.share_hours:.3f} share hours of user {self.user_id}"
