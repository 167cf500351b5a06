"""The form of the placement rules, on their page and in the admin. The bounds are those of agents.placement_rules."""

from typing import Any

from django import forms

from agents import placement_rules
from agents.models import PlacementRules
from scheduler_site.shared.errors import InvalidFields


class RulesForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = PlacementRules
        fields = placement_rules.FIELDS
        labels = {
            "ageing_hours": "Hours of waiting for one step of priority",
            "usage_half_life_hours": "Half-life of used time in fair share, hours",
            "hold_after_seconds": "Keep a host free after waiting for, seconds",
            "start_hold_seconds": "Start hold on shared GPUs, seconds",
        }

    def clean(self) -> dict[str, Any]:
        fields = super().clean() or self.cleaned_data
        try:
            placement_rules.check(fields)
        except InvalidFields as wrong:
            for name, sentences in wrong.fields.items():
                self.add_error(name, forms.ValidationError(sentences))
        return fields
