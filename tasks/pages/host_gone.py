"""The button for a host that will not come back: a question first, then tasks.host_ends.host_gone."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_http_methods

from agents.pages.decide import ask_and_act
from scheduler_site.shared.page_access import staff_required
from tasks.host_ends.host_gone import declare_gone

GONE = {
    "act": declare_gone,
    "button": "Give up host",
    "done": "given up",
    "meaning": (
        "Say that this host is gone for good. What was running there fails now, or runs again elsewhere if it has "
        "retries left. If the host comes back, its scripts are stopped."
    ),
}


@staff_required
@require_http_methods(["GET", "POST"])
def host_gone(request: HttpRequest, agent_id: UUID) -> HttpResponse:
    return ask_and_act(request, agent_id, GONE)
