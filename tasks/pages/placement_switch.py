"""Switch a policy or change the rules from the placement page; the next pass follows. Staff only."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from agents import placement_rules, pools
from agents.models import PlacementRules, Pool
from agents.rules_form import RulesForm
from agents.states import PolicyName
from scheduler_site.shared.actors import Actor
from scheduler_site.shared.errors import InvalidFields
from scheduler_site.shared.page_access import staff_required
from tasks.pages.placement import content, sums

PAGE = "/placement/"


@staff_required
@require_POST
def switch_site(request: HttpRequest) -> HttpResponse:
    wish = request.POST.get("policy", "")
    try:
        rules = placement_rules.change({"policy": wish}, actor=Actor.user(request.user))
    except InvalidFields as wrong:
        return _refused(request, wrong.detail)
    messages.success(request, f"The policy of the site is now {_title(rules.policy)}.")
    return redirect(PAGE)


@staff_required
@require_POST
def switch_pool(request: HttpRequest, name: str) -> HttpResponse:
    pool = get_object_or_404(Pool, name=name)
    try:
        pool = pools.change(pool, {"policy": request.POST.get("policy", "")}, actor=Actor.user(request.user))
    except InvalidFields as wrong:
        return _refused(request, wrong.detail)
    rule = _title(pool.policy) if pool.policy else "that of the site"
    messages.success(request, f"The policy of {pool.name} is now {rule}.")
    return redirect(PAGE)


@staff_required
@require_POST
def change_rules(request: HttpRequest) -> HttpResponse:
    """The numbers; wrong ones come back with their sentence, and nothing is changed."""
    rules = PlacementRules.current()
    form = RulesForm({**request.POST.dict(), "policy": rules.policy}, instance=rules)
    if not form.is_valid():
        return _page(request, content(form), status=422)
    numbers = {name: value for name, value in form.cleaned_data.items() if name != "policy"}
    placement_rules.change(numbers, actor=Actor.user(request.user))
    messages.success(request, "The rules are changed.")
    return redirect(PAGE)


def _refused(request: HttpRequest, detail: str) -> HttpResponse:
    return _page(request, {**content(), "refusal": detail}, status=422)


def _page(request: HttpRequest, context: dict[str, Any], status: int) -> HttpResponse:
    return render(request, "tasks/placement/page.html", {**context, **sums()}, status=status)


def _title(policy: str) -> str:
    return PolicyName(policy).label.partition(":")[0]
