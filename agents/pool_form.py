"""The form of a pool, on its page and in the admin. What may be is agents.pools' to say."""

from collections.abc import Mapping
from typing import Any

from django import forms

from agents import pools
from agents.models import Agent, Pool
from agents.models.pool import NAME
from scheduler_site.shared.actors import Actor


class PoolForm(forms.ModelForm):  # type: ignore[type-arg]
    """An existing pool keeps its name: tasks know it by it."""

    name = forms.CharField(max_length=pools.LONGEST_NAME, validators=[NAME], help_text="Tasks name the pool so.")
    agents = forms.ModelMultipleChoiceField(Agent.objects.order_by("name"), required=False, label="Hosts")

    class Meta:
        model = Pool
        fields = ("name", "description", "policy", "agents")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if self.instance.pk is not None and "name" in self.fields:
            del self.fields["name"]

    def store(self, actor: Actor) -> Pool:
        """After is_valid."""
        if self.instance.pk is None:
            return pools.create(self._wishes(self.cleaned_data), actor=actor)
        return pools.change(self.instance, self._wishes(self.cleaned_data), actor=actor)

    def _wishes(self, data: Mapping[str, Any]) -> dict[str, Any]:
        fields = {name: data[name] for name in ("name", "description", "policy") if name in data}
        return {**fields, "members": [agent.name for agent in data["agents"]]}
