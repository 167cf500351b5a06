"""Add a host: makes an enrolment token and shows, once, the commands that start a main agent with it."""

from django import forms
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from agents.enrolment import create_token, packed
from scheduler_site.shared.page_access import staff_required

LOOPBACK = ("127.", "localhost", "[::1]", "::1")


class AddHostForm(forms.Form):
    label = forms.CharField(
        label="What for",
        max_length=120,
        initial="new host",
        help_text="Kept with the token, in the history of the host.",
    )
    uses = forms.IntegerField(
        label="How many hosts", min_value=1, max_value=1000, initial=1, help_text="Each registration spends one use."
    )
    hours = forms.FloatField(
        label="Valid for, hours", min_value=0.1, max_value=24 * 365, initial=24, help_text="Only for registering."
    )


@staff_required
@never_cache
@require_http_methods(["GET", "POST"])
def add_host(request: HttpRequest) -> HttpResponse:
    """GET: the form; POST: the token, shown this once."""
    form = AddHostForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        _, token = create_token(**form.cleaned_data, user=request.user)
        return _shown(request, "made", {"token": packed(token), **_address(request)})
    return _shown(request, "form", {"form": form}, status=422 if form.is_bound else 200)


def _shown(request: HttpRequest, part: str, context: dict[str, object], status: int = 200) -> HttpResponse:
    """The part alone in the dialog; within the frame without a script."""
    part = f"agents/_add_host_{part}.html"
    template = part if getattr(request, "htmx", False) else "agents/add_host.html"
    return render(request, template, {**context, "part": part}, status=status)


def _address(request: HttpRequest) -> dict[str, object]:
    """What the host has to call, and whether another machine can reach it at all."""
    listens_on = str(getattr(settings, "HOST", ""))
    return {
        "server_url": settings.PUBLIC_URL if settings.PIN else request.build_absolute_uri("/").rstrip("/"),
        "is_local_only": listens_on.startswith(LOOPBACK) or request.get_host().startswith(LOOPBACK),
    }
