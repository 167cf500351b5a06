"""The agents page: every main agent with the sub agents that live on it. Changes nothing: agents.pages does."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from tasks.agent_tree import agent_tree


@login_required
@require_safe
@never_cache
@vary_on_headers("HX-Request")
def agents_page(request: HttpRequest) -> HttpResponse:
    """The page; with HX-Request only the tree, for the hosts whose shape changed while the page is open."""
    tree = [presented(agent) for agent in agent_tree()]
    is_part = bool(getattr(request, "htmx", False))
    template = "tasks/agents/_tree.html" if is_part else "tasks/agents/page.html"
    context = {"tree": tree, "counts": counted(tree), "server_url": request.build_absolute_uri("/").rstrip("/")}
    return render(request, template, context)


def presented(agent: dict[str, Any]) -> dict[str, Any]:
    """The agent with what only the page says: tasks at risk, and the shape that the page's script compares."""
    at_risk = len(agent["sub_agents"]) if agent["status"] == "offline" else 0
    return {**agent, "at_risk": at_risk, "shape": shape(agent)}


def shape(agent: dict[str, Any]) -> str:
    """What is drawn by the server; only figures are patched. static/src/islands/agent-live.js computes the same."""
    cards = (f"{card['uuid']}={_joined(card['task_ids'])}{_outside(card)}" for card in agent["gpu_info"])
    subs = (f"{sub['id']}={sub['state']}={sub['status']}" for sub in agent["sub_agents"])
    words = (agent["name"], agent["status"], agent["connectivity"], agent["standing"], agent["gpu_state"])
    counted = (f"{row['name']}={row['available']}/{row['total']}" for row in agent["resources"])
    placed = (str(agent["weight"]), ",".join(agent["pools"]), ",".join(agent["labels"]), ",".join(counted))
    reserved = (f"{row['id']}={row['until']:%Y-%m-%dT%H:%M:%S}" for row in agent["reservations"])
    return "|".join((*words, *placed, *cards, *subs, *reserved))


def _outside(card: dict[str, Any]) -> str:
    return "=outside" if card["is_used_outside"] else ""


def counted(tree: list[dict[str, Any]]) -> dict[str, int]:
    return {
        "online": sum(agent["status"] == "online" for agent in tree),
        "offline": sum(agent["status"] == "offline" for agent in tree),
        "sub_agents": sum(len(agent["sub_agents"]) for agent in tree),
        "gpus": sum(len(agent["gpu_info"]) for agent in tree),
    }


def _joined(numbers: list[int]) -> str:
    return ",".join(str(number) for number in numbers)
