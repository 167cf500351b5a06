"""Breaker: the one row that says whether the mass-lapse breaker is open. Written by agents.breaker only."""

from django.db import models


class Breaker(models.Model):
    opened_at = models.DateTimeField(null=True, editable=False, help_text="Empty: it is closed.")
    reason = models.CharField(max_length=300, blank=True, editable=False)
    lapsed = models.JSONField(default=list, editable=False, help_text="Ids of the hosts whose silence opened it.")

    def __str__(self) -> str:
        return self.reason or "closed"
