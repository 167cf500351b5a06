"""The placement page: how hosts are chosen, what there is, which pools there are; staff switch policies here.

Writing is agents.placement_rules' and agents.pools'. Chooses no host.
"""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from agents.models import CountedResource, PlacementEvent, PlacementRules, Pool
from agents.rules_form import RulesForm
from agents.states import PolicyName
from tasks import pool_sums
from tasks.scheduling.rows import holdings

LATEST_CHANGES = 8


@login_required
@require_safe
@never_cache
@vary_on_headers("HX-Request")
def placement_page(request: HttpRequest) -> HttpResponse:
    """The page; with HX-Request only the table of what there is, which changes while it is open."""
    if getattr(request, "htmx", False):
        return render(request, "tasks/placement/_sums.html", sums())
    return render(request, "tasks/placement/page.html", {**content(), **sums()})


def content(form: RulesForm | None = None) -> dict[str, Any]:
    """What the page shows beside the sums. `form`: the rules as they were sent, when something is wrong with them."""
    rules = PlacementRules.current()
    pools = list(Pool.objects.prefetch_related("agents"))
    return {
        "policy": described(rules.policy),
        "policies": [described(name) for name in PolicyName.values],
        "pools": [{"pool": pool, "policy": described(pool.policy) if pool.policy else None} for pool in pools],
        "form": form or RulesForm(instance=rules),
        "rules": rules,
        "changes": PlacementEvent.objects.order_by("-id")[:LATEST_CHANGES],
    }


def sums() -> dict[str, Any]:
    fleet = pool_sums.load()
    names = Pool.objects.values_list("name", flat=True)
    rows = [("", fleet.sums()), *((name, fleet.sums(name)) for name in names)]
    return {"sums": [{"name": name, "sums": found} for name, found in rows], "resources": site_resources()}


def site_resources() -> list[dict[str, Any]]:
    """Those counted for the whole site, with what nobody holds."""
    total = dict(CountedResource.objects.filter(agent=None).values_list("name", "total"))
    held = holdings.site_resources_held(frozenset(total)) if total else {}
    return [{"name": name, "total": most, "free": max(0, most - held.get(name, 0))} for name, most in total.items()]


def described(name: str) -> dict[str, str]:
    """A policy's name, its title and the sentence that says what it does."""
    title, _, sentence = PolicyName(name).label.partition(": ")
    return {"name": name, "title": title, "sentence": sentence}
