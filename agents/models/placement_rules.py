"""PlacementRules: the site's one row of how hosts are chosen; an operator changes it while the server runs."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from agents.states import PolicyName
from scheduler_site.shared import statements


class PlacementRules(models.Model):
    policy = models.CharField(max_length=20, choices=PolicyName.choices, default=PolicyName.FRAGMENTATION)
    ageing_hours = models.FloatField(
        default=24.0,
        validators=[MinValueValidator(0.1), MaxValueValidator(8760.0)],
        help_text="So many hours of waiting count as one step of priority.",
    )
    hold_after_seconds = models.PositiveIntegerField(
        default=600, help_text="A task that waited so long gets a host kept free for it."
    )
    start_hold_seconds = models.PositiveIntegerField(
        default=0,
        help_text="Nobody joins a shared card for so long after a start there, or until its memory is seen; 0: off.",
    )
    usage_half_life_hours = models.FloatField(
        default=24.0,
        validators=[MinValueValidator(0.1), MaxValueValidator(8760.0)],
        help_text="After so many hours, what a user has used counts half in fair share.",
    )

    class Meta:
        verbose_name_plural = "placement rules"

    def __str__(self) -> str:
        return "placement rules"

    @classmethod
    def current(cls) -> "PlacementRules":
        """The row, or the defaults when nobody has changed anything yet."""
        return statements.instance(cls, {"pk": 1}) or cls(pk=1)
