"""FenceCounter: the one row that numbers attempts over all tasks."""

from django.db import models


class FenceCounter(models.Model):
    value = models.PositiveBigIntegerField(default=0)

    def __str__(self) -> str:
        return str(self.value)
