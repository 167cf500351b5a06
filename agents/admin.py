"""The admin of hosts: enrolment tokens here, the rest in the files beside it. Writes through the app's verbs only."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from agents import admin_access, admin_hosts, admin_rules, enrolment  # noqa: F401 (each registers what it shows)
from agents.models import EnrolmentToken
from scheduler_site.shared.admin_secrets import SecretOnceAdmin


class EnrolmentTokenForm(forms.ModelForm):  # type: ignore[type-arg]
    uses = forms.IntegerField(min_value=1, max_value=1000, initial=1, help_text="How many hosts may register with it.")
    hours = forms.FloatField(min_value=0.1, max_value=24 * 365, initial=24, help_text="Hours until it expires.")

    class Meta:
        model = EnrolmentToken
        fields = ("label",)


@admin.register(EnrolmentToken)
class EnrolmentTokenAdmin(SecretOnceAdmin):
    add_form = EnrolmentTokenForm
    list_display = ("label", "uses_left", "expires_at", "created_by", "created_at")
    list_select_related = ("created_by",)
    search_fields = ("label",)
    fields = ("label", "uses_left", "expires_at", "created_by", "created_at")
    page_title = "Enrolment token"
    page_help = (
        "Write it to a file that only you can read, then start a main agent on the host: "
        "nightshift agent --server URL --token-file FILE"
    )

    def make_secret(self, request: HttpRequest, form: Any) -> tuple[Any, str]:
        data = form.cleaned_data
        row, plain = enrolment.create_token(data["label"], user=request.user, uses=data["uses"], hours=data["hours"])
        return row, enrolment.packed(plain)
