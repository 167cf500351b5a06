"""The rules of placement and the site's counted resources in the admin. Writes through their verbs only."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from agents import operator_resources, placement_rules
from agents.models import CountedResource, PlacementEvent, PlacementRules
from agents.rules_form import RulesForm
from scheduler_site.shared.actors import Actor
from scheduler_site.shared.admin_parts import ModelAdmin, ReadOnlyAdmin


@admin.register(PlacementRules)
class PlacementRulesAdmin(ModelAdmin):
    """One row: the list leads right to it."""

    form = RulesForm
    fields = placement_rules.FIELDS

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:agents_placementrules_change", args=[1]))

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        return PlacementRules.current() if object_id == "1" else None

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> Any:
        return placement_rules.change(form.cleaned_data, actor=Actor.user(request.user))

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """`save_form` has stored it."""

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """There is nothing related."""


class SiteResourceForm(forms.ModelForm):  # type: ignore[type-arg]
    total = forms.IntegerField(min_value=0, max_value=operator_resources.MOST)

    class Meta:
        model = CountedResource
        fields = ("name", "total")

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if CountedResource.objects.filter(agent=None, name=name).exists():
            raise forms.ValidationError("The site has such a resource already.")
        return name


@admin.register(CountedResource)
class SiteResourceAdmin(ModelAdmin):
    """Those of the whole site; a host's are on the host's page."""

    form = SiteResourceForm
    list_display = ("name", "total")
    search_fields = ("name",)
    actions = ()

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).filter(agent=None)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Tasks know it by its name."""
        return ("name",) if obj else ()

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> Any:
        name = form.instance.name if change else form.cleaned_data["name"]
        return operator_resources.set_site_resource(name, form.cleaned_data["total"], actor=Actor.user(request.user))

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """`save_form` has stored it."""

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """There is nothing related."""

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        operator_resources.drop_site_resource(obj, actor=Actor.user(request.user))

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        for row in queryset:
            self.delete_model(request, row)


@admin.register(PlacementEvent)
class PlacementEventAdmin(ReadOnlyAdmin):
    """What operators decided for the whole site, newest first."""

    list_display = ("at", "subject", "verb", "actor_name", "detail")
    list_filter = ("subject", "actor_name")
    search_fields = ("subject",)
    ordering = ("-id",)
