"""Pause, resume and drain a host from its card: a question first, then the verb of agents.administration."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods

from agents import administration, quarantine, rotation
from agents.models import Agent
from agents.pages.replies import dialog_done
from scheduler_site.shared.actors import Actor
from scheduler_site.shared.errors import DomainError
from scheduler_site.shared.page_access import staff_required

VERBS: dict[str, dict[str, Any]] = {
    "pause": {
        "act": administration.pause,
        "button": "Pause host",
        "done": "paused",
        "meaning": "It gets no new work. What runs there goes on to its end.",
    },
    "resume": {
        "act": administration.resume,
        "button": "Resume host",
        "done": "resumed",
        "meaning": "It gets work again.",
    },
    "end-quarantine": {
        "act": quarantine.end,
        "button": "End the quarantine of",
        "done": "out of quarantine",
        "meaning": (
            "Two main agents spoke for this host. Stop one of them first, remove its agent.json and enrol it anew; the "
            "one that speaks next is taken for this host."
        ),
    },
    "rotate-secret": {
        "act": rotation.ask,
        "button": "New secret for",
        "done": "to take a new secret",
        "meaning": (
            "Its main agent fetches a new secret, stores it and uses it; from then on the old one is refused. "
            "If others may have the old one, deactivate the host instead: that counts at once."
        ),
    },
    "drain": {
        "act": administration.drain,
        "button": "Drain host",
        "done": "draining",
        "meaning": "It gets no new work, and is paused when what runs there has ended. Resume takes it back.",
    },
}


@staff_required
@require_http_methods(["GET", "POST"])
def decide(request: HttpRequest, agent_id: UUID, verb: str) -> HttpResponse:
    return ask_and_act(request, agent_id, VERBS[verb])


def ask_and_act(request: HttpRequest, agent_id: UUID, verb: Mapping[str, Any]) -> HttpResponse:
    """`verb` has `act(agent, actor=, reason=)` and its words: button, done, meaning; it may have `choices` by value, of
    which one goes to the argument of `act` that is named `choice`."""
    agent = get_object_or_404(Agent, pk=agent_id)
    if request.method != "POST":
        return render(request, _template(request), {"agent": agent, **verb})
    return _act(request, agent, verb)


def _act(request: HttpRequest, agent: Agent, verb: Mapping[str, Any]) -> HttpResponse:
    reason = request.POST.get("reason", "").strip()[:300]
    chosen = {verb["choice"]: _chosen(request, verb["choices"])} if "choices" in verb else {}
    try:
        verb["act"](agent, actor=Actor.user(request.user), reason=reason, **chosen)
    except DomainError as refusal:
        text, is_error = refusal.detail, True
    else:
        text, is_error = f"{agent.name} is {verb['done']}.", False
    if getattr(request, "htmx", False):
        return dialog_done(text, is_error=is_error)
    messages.add_message(request, messages.ERROR if is_error else messages.SUCCESS, text)
    return redirect("/agents/")


def _chosen(request: HttpRequest, choices: Mapping[str, str]) -> str:
    """The first, which does least, unless another one was chosen."""
    value = request.POST.get("choice", "")
    return value if value in choices else next(iter(choices))


def _template(request: HttpRequest) -> str:
    return "agents/_decide.html" if getattr(request, "htmx", False) else "agents/decide.html"
