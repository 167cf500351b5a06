"""What the page frame needs to know: where the bundle is, which entry of the sidebar is current, and its counts."""

from typing import Any

from django import template
from django.conf import settings
from django.templatetags.static import static

from agents.models import Agent
from agents.states import RETIRED, Connectivity
from scheduler_site.shared.roles import Rights
from tasks.models import Task
from tasks.states import TaskStatus

register = template.Library()

PLACES = (
    ("/tasks/", "tasks", "Tasks"),
    ("/agents/", "agents", "Agents"),
    ("/placement/", "placement", "Placement"),
    ("/reservations/", "reservations", "Reservations"),
    ("/templates/", "templates", "Templates"),
    ("/overview/", "overview", "Overview"),
)


@register.simple_tag
def bundle(name: str) -> str:
    """The address of a file of the front-end bundle; empty when it was not built: pages must work without it."""
    return static(f"dist/{name}") if (settings.DIST_DIR.parent / f"dist/{name}").exists() else ""


@register.inclusion_tag("partials/sidebar.html", takes_context=True)
def sidebar(context: template.Context) -> dict[str, Any]:
    request = context["request"]
    if not request.user.is_authenticated:
        return {"user": request.user, "places": []}
    counts = {"tasks": _running_tasks(), "agents": _offline_agents()}
    places = [
        {
            "address": address,
            "name": name,
            "word": word,
            "count": counts.get(name),
            "is_current": request.path.startswith(address),
        }
        for address, name, word in PLACES
    ]
    return {
        "request": request,
        "user": request.user,
        "may": Rights(request.user),
        "places": places,
        "in_admin": request.path.startswith("/admin/"),
    }


def _running_tasks() -> int:
    return Task.objects.filter(status=TaskStatus.RUNNING).count()


def _offline_agents() -> int:
    return Agent.objects.filter(connectivity=Connectivity.UNREACHABLE).exclude(standing__in=RETIRED).count()
