"""Capability: something a host says it can do, or that an operator says of it; tasks may require it.

Labels that follow from what a host has (its operating system, its cards) are not stored: agents.labels derives them.
"""

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models

LABEL = RegexValidator(r"^[a-z0-9][a-z0-9._-]*\Z", "Lower-case letters, digits, dot, dash and underscore only.")


def matches(rule: RegexValidator, text: str, longest: int) -> bool:
    try:
        rule(text)
    except ValidationError:
        return False
    return len(text) <= longest


class Origin(models.TextChoices):
    HOST = "host", "the host said so"
    OPERATOR = "operator", "an operator said so"


class Capability(models.Model):
    agent = models.ForeignKey("agents.Agent", on_delete=models.CASCADE, related_name="capabilities")
    name = models.CharField(max_length=80, validators=[LABEL])
    version = models.CharField(max_length=40, blank=True)
    origin = models.CharField(max_length=10, choices=Origin.choices, default=Origin.OPERATOR)

    class Meta:
        ordering = ["name"]
        verbose_name_plural = "capabilities"
        constraints = [models.UniqueConstraint(fields=["agent", "name"], name="capability_once_per_host")]

    def __str__(self) -> str:
        return f"{self.name} {self.version}".strip()
