"""The list of tasks: filtered by the query string, 50 a page; rows and counts alone for what changes meanwhile."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from tasks import querysets
from tasks.known_types import known_types
from tasks.models import Task
from tasks.pages.filters import ListFilter
from tasks.pages.shown import show_all
from tasks.states import TaskStatus

PAGE_SIZE = 50


class Counted(Paginator):  # type: ignore[type-arg]
    """Of a list whose length is known: the chips have counted."""

    def __init__(self, tasks: QuerySet[Task], count: int) -> None:
        super().__init__(tasks, PAGE_SIZE)
        self._count = count

    @property
    def count(self) -> int:
        return self._count


@login_required
@require_safe
def task_list(request: HttpRequest) -> HttpResponse:
    """The page, or only its table when a script asks."""
    wanted = ListFilter.read(request.GET)
    context = _table(wanted, request.GET.get("page", "1"), request.user)
    if request.htmx:  # type: ignore[attr-defined]
        return render(request, "tasks/_table.html", context)
    return render(request, "tasks/list.html", {**context, "template_types": known_types()})


@login_required
@require_safe
def task_rows(request: HttpRequest) -> HttpResponse:
    """The rows of `ids` as they are now; no filter, so that none vanishes under the pointer."""
    words = request.GET.get("ids", "").split(",")[:PAGE_SIZE]
    ids = [int(word) for word in words if word.isascii() and word.isdigit() and len(word) < 19]
    rows = show_all(querysets.for_lists().filter(pk__in=ids), request.user)
    return render(request, "tasks/_rows.html", {"rows": rows})


@login_required
@require_safe
def status_counts(request: HttpRequest) -> HttpResponse:
    """How many tasks there are of each status, for the chips of a list that is open."""
    chips = _status_chips(ListFilter.read(request.GET))
    return JsonResponse({chip["status"]: chip["count"] for chip in chips})


def _table(wanted: ListFilter, page_number: str, user: Any) -> dict[str, Any]:
    chips = _status_chips(wanted)
    count = sum(chip["count"] for chip in chips if chip["is_on"] or not wanted.statuses)
    page = Counted(_matching(wanted), count).get_page(page_number)
    return {
        "filter": wanted,
        "page": page,
        "rows": show_all(page.object_list, user),
        "query": wanted.query(),
        "chips": chips,
        "is_unused": not count and not wanted and not Task.objects.exists(),
        "newest_id": Task.objects.order_by("-pk").values_list("pk", flat=True).first() or 0,
    }


def _matching(wanted: ListFilter) -> QuerySet[Task]:
    return wanted.apply(querysets.for_lists()).order_by("-pk")


def _status_chips(wanted: ListFilter) -> list[dict[str, Any]]:
    counted = wanted.apply_but_status(Task.objects.order_by()).values_list("status").annotate(count=Count("pk"))
    counts = dict(counted)
    return [
        {"status": status, "count": counts.get(status, 0), "is_on": status in wanted.statuses}
        for status in TaskStatus.values
    ]
