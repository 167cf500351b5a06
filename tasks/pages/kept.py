"""The button that frees what is kept on a host for a task that has ended: a question first, then host_ends.kept."""

from functools import partial
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_http_methods

from agents.models import Agent
from agents.pages.decide import ask_and_act
from scheduler_site.shared.actors import Actor
from scheduler_site.shared.page_access import staff_required
from tasks.host_ends import kept


@staff_required
@require_http_methods(["GET", "POST"])
def release_kept(request: HttpRequest, agent_id: UUID, task_id: int) -> HttpResponse:
    return ask_and_act(request, agent_id, _words(task_id))


def _words(task_id: int) -> dict[str, object]:
    return {
        "act": partial(_release, task_id=task_id),
        "button": f"Release what task #{task_id} held on",
        "done": f"free of task #{task_id}",
        "meaning": (
            "Its cores, memory and cards may be given to other tasks again. Look at the host first: if processes of it "
            "are still there, both will use them. The host says by itself when nothing is left, as soon as it can."
        ),
    }


def _release(agent: Agent, *, actor: Actor, reason: str, task_id: int) -> Agent:
    return kept.release(agent, task_id, actor=actor, reason=reason)
