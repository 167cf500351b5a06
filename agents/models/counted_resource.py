"""CountedResource: so many of something that has a name: licences, shares of bandwidth, slots of a device.

Without a host it belongs to the site, and tasks on any host draw from the same number.
"""

from django.db import models

from agents.models.capability import LABEL, Origin


class CountedResource(models.Model):
    agent = models.ForeignKey(
        "agents.Agent", null=True, blank=True, on_delete=models.CASCADE, related_name="counted_resources"
    )
    name = models.CharField(max_length=80, validators=[LABEL])
    total = models.PositiveIntegerField()
    origin = models.CharField(max_length=10, choices=Origin.choices, default=Origin.OPERATOR)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["agent", "name"], name="counted_resource_once_per_host"),
            models.UniqueConstraint(
                fields=["name"], condition=models.Q(agent__isnull=True), name="counted_resource_once_per_site"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.total} {self.name}"
