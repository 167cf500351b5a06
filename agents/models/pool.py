"""Pool: hosts that an operator put together for tasks to target."""

from django.core.validators import RegexValidator
from django.db import models
from django.utils import timezone

from agents.states import PolicyName

NAME = RegexValidator(r"^[A-Za-z0-9][A-Za-z0-9._-]*\Z", "Letters, digits, dot, dash and underscore only.")


class Pool(models.Model):
    name = models.CharField(max_length=80, unique=True, validators=[NAME])
    description = models.CharField(max_length=300, blank=True)
    policy = models.CharField(
        max_length=20, choices=PolicyName.choices, blank=True, help_text="Empty: the policy of the site."
    )
    agents = models.ManyToManyField("agents.Agent", related_name="pools", blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
