"""Which process acts in a loop. Only scheduler_site.loops.lease writes these rows."""

from django.db import models
from django.utils import timezone


class LoopLease(models.Model):
    """`holder` names host, boot, process and its start, so that a dead holder on this host is known at once."""

    name = models.CharField(max_length=40, primary_key=True)
    holder = models.CharField(max_length=200, blank=True)
    renewed_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.name} held by {self.holder or 'nobody'}"
