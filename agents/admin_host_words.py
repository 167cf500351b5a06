"""Inlines of a host's page: what the host says it can do and has, to be read, and what operators say, to be edited.

Their rows are written by agents.operator_labels and agents.operator_resources, a whole set at a time.
"""

from typing import Any

from django import forms
from django.db.models import Model
from django.http import HttpRequest

from agents.models import Agent, Capability, CountedResource
from agents.models.capability import Origin
from agents.operator_labels import set_labels
from agents.operator_resources import MOST, set_resources
from scheduler_site.shared.actors import Actor
from scheduler_site.shared.admin_parts import ReadOnlyInline, TabularInline


class OperatorsForm(forms.ModelForm):  # type: ignore[type-arg]
    """A name that the host said may be given again: the operator's word replaces it."""

    def validate_unique(self) -> None:
        """Twice in the same form is refused by the set of forms."""

    def validate_constraints(self) -> None:
        """See validate_unique."""


class CapabilityForm(OperatorsForm):
    class Meta:
        model = Capability
        fields = ("name", "version")


class ResourceForm(OperatorsForm):
    total = forms.IntegerField(min_value=0, max_value=MOST)

    class Meta:
        model = CountedResource
        fields = ("name", "total")


class OfHost(ReadOnlyInline):
    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).filter(origin=Origin.HOST)


class OfOperator(TabularInline):
    """`keep` writes all that the forms hold."""

    extra = 0
    verbose_name_plural = ""

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).filter(origin=Origin.OPERATOR)

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return bool(request.user.has_perm("agents.change_agent"))

    has_change_permission = has_delete_permission = has_add_permission

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return True


class SaidCapabilities(OfHost):
    model = Capability
    fields = ("name", "version")
    readonly_fields = fields
    verbose_name_plural = "capabilities that the host says it has"


class OperatorsCapabilities(OfOperator):
    model = Capability
    form = CapabilityForm
    verbose_name_plural = "capabilities that operators say it has"


class SaidResources(OfHost):
    model = CountedResource
    fields = ("name", "total")
    readonly_fields = fields
    verbose_name_plural = "counted resources that the host says it has"


class OperatorsResources(OfOperator):
    model = CountedResource
    form = ResourceForm
    verbose_name_plural = "counted resources that operators say it has"


def keep(agent: Agent, formset: Any, actor: Actor) -> None:
    """Write the forms of one of the operators' inlines; others have nothing to write."""
    form = getattr(formset, "form", None)
    if form is None or not issubclass(form, OperatorsForm):
        return
    kept = [item.cleaned_data for item in formset.forms if item.cleaned_data and not item.cleaned_data.get("DELETE")]
    if issubclass(form, CapabilityForm):
        set_labels(agent, {row["name"]: row["version"] for row in kept}, actor=actor)
    else:
        set_resources(agent, {row["name"]: row["total"] for row in kept}, actor=actor)
