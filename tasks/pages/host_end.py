"""The buttons that end a host's main agent, or remove the host: a question first, then the verb."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_http_methods

from agents.pages.decide import ask_and_act
from scheduler_site.shared.page_access import staff_required
from tasks.host_ends.host_removal import remove
from tasks.host_ends.host_stop import CHOICES, stop

STOP = {
    "act": stop,
    "button": "Stop main agent of",
    "done": "asked to stop",
    "meaning": "The main agent ends. A service that starts it again by itself should not, see the operations page.",
    "choice": "scripts",
    "choices": CHOICES,
}
REMOVE = {
    "act": remove,
    "button": "Remove host",
    "done": "removed",
    "meaning": (
        "Its credential is refused for ever and it is shown no more; its history stays in the administration. "
        "Nothing may be live or held there."
    ),
}


@staff_required
@require_http_methods(["GET", "POST"])
def host_stop(request: HttpRequest, agent_id: UUID) -> HttpResponse:
    return ask_and_act(request, agent_id, STOP)


@staff_required
@require_http_methods(["GET", "POST"])
def host_remove(request: HttpRequest, agent_id: UUID) -> HttpResponse:
    return ask_and_act(request, agent_id, REMOVE)
