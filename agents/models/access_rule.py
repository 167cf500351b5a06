"""AccessRule: addresses that may or may not connect. Only agents.access_rules adds and removes them."""

from django.db import models
from django.utils import timezone


class Verdict(models.TextChoices):
    ALLOW = "allow", "allow"
    DENY = "deny", "deny"


class Audience(models.TextChoices):
    EVERYBODY = "everybody", "everybody"
    AGENTS = "agents", "agents"
    PEOPLE = "people", "people"


class AccessRule(models.Model):
    network = models.CharField(max_length=50, help_text="Such as 10.1.0.0/16, 2001:db8::/32, or one address.")
    verdict = models.CharField(max_length=5, choices=Verdict.choices)
    audience = models.CharField(max_length=9, choices=Audience.choices, default=Audience.EVERYBODY)
    note = models.CharField(max_length=200, blank=True, help_text="Why.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["audience", "-verdict", "network"]
        constraints = [models.UniqueConstraint(fields=["network", "verdict", "audience"], name="access_rule_once")]

    def __str__(self) -> str:
        return f"{self.verdict} {self.network} for {self.audience}"
