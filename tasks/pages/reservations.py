"""The pages of reservations: the list, the form of a new one, and the questions before one is given back or put off.

The rules are in tasks.reserving.reservations.
"""

import json
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe
from django.views.decorators.vary import vary_on_headers

from scheduler_site.shared.actors import Actor
from scheduler_site.shared.errors import DomainError
from scheduler_site.shared.page_access import submitter_required
from tasks.models import Reservation
from tasks.pages.reservation_form import MORE, WHAT, EndForm, ReservationForm
from tasks.permissions import may_change
from tasks.reserving import describe_reservation, reservation_querysets, reservations

PAGE_SIZE = 50
LOOKS = {"pending": "waiting", "active": "running", "timed_out": "failed"}


@login_required
@require_safe
@never_cache
@vary_on_headers("HX-Request")
def reservation_list(request: HttpRequest) -> HttpResponse:
    """Open ones, or with `?all` every one; with HX-Request only the table."""
    shows_all = "all" in request.GET
    rows = reservation_querysets.for_lists() if shows_all else reservation_querysets.open_ones()
    page = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page", "1"))
    context = {
        "page": page,
        "rows": shown(list(page.object_list), request.user),
        "shows_all": shows_all,
        "query": "all&" if shows_all else "",
    }
    is_part = bool(getattr(request, "htmx", False))
    return render(request, "tasks/reservations/_table.html" if is_part else "tasks/reservations/list.html", context)


def shown(rows: list[Reservation], user: Any) -> list[dict[str, Any]]:
    words = describe_reservation.sentences(rows)
    return [
        {
            "row": row,
            "look": LOOKS.get(row.state, "canceled"),
            "state": row.state.replace("_", " "),
            "asked": describe_reservation.asked(row),
            "cards": describe_reservation.cards_in_words(row),
            "sentence": words[row.pk],
            "can_change": row.is_open and may_change(user, row),
        }
        for row in rows
    ]


@submitter_required
@require_http_methods(["GET", "POST"])
def new_reservation(request: HttpRequest) -> HttpResponse:
    """`?host=gpu-1&gpu=3` fills it in."""
    initial = {"hosts": request.GET.getlist("host"), "gpu_indices": request.GET.get("gpu", "")}
    form = ReservationForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        row = _tried(form, lambda: reservations.create(form.fields_asked(), actor=_actor(request), user=request.user))
        if row is not None:
            messages.success(request, f"Reservation {row.pk} was made; it is granted when there is room.")
            return redirect("reservations:list")
    context = {"form": form, "what": [form[name] for name in WHAT], "more": [form[name] for name in MORE]}
    return render(request, "tasks/reservations/new.html", context, status=422 if form.is_bound else 200)


@submitter_required
@require_http_methods(["GET", "POST"])
def release(request: HttpRequest, reservation_id: int) -> HttpResponse:
    row = _own(request, reservation_id)
    if request.method == "GET":
        return _asked(request, "release", row)
    reason = request.POST.get("reason", "").strip()[:300]
    try:
        row = reservations.release(row.pk, actor=_actor(request), reason=reason)
    except DomainError as error:
        return _asked(request, "release", row, error=error.detail, status=error.status)
    return _done(request, f"Reservation {row.pk} was {row.state}.")


@submitter_required
@require_http_methods(["GET", "POST"])
def extend(request: HttpRequest, reservation_id: int) -> HttpResponse:
    row = _own(request, reservation_id)
    form = EndForm(request.POST or None, initial={"until": row.until})
    if request.method == "POST" and form.is_valid():
        until: Any = form.end()
        done = _tried(form, lambda: reservations.extend(row.pk, until, actor=_actor(request)))
        if done is not None:
            return _done(request, f"Reservation {row.pk} ends {describe_reservation.clock(done.until)} now.")
    return _asked(request, "extend", row, form=form, status=422 if form.is_bound else 200)


def _own(request: HttpRequest, reservation_id: int) -> Reservation:
    row = get_object_or_404(reservation_querysets.for_lists(), pk=reservation_id)
    if not may_change(request.user, row):
        raise PermissionDenied(f"Only whoever made reservation {reservation_id}, and staff, may change it.")
    return row


def _tried(form: EndForm, verb: Callable[[], Reservation]) -> Reservation | None:
    """None: refused, and the form says why."""
    try:
        return verb()
    except reservations.InvalidReservation as error:
        form.add_refusal(error.fields)
    except DomainError as error:
        form.add_error(None, error.detail)
    return None


def _asked(request: HttpRequest, question: str, row: Reservation, status: int = 200, **context: Any) -> HttpResponse:
    is_part = bool(getattr(request, "htmx", False))
    template = f"tasks/reservations/_{question}.html" if is_part else "tasks/reservations/question.html"
    about = shown([row], request.user)[0]
    part = f"tasks/reservations/_{question}.html"
    return render(request, template, {**about, "part": part, "words": about["sentence"], **context}, status=status)


def _done(request: HttpRequest, text: str) -> HttpResponse:
    if not getattr(request, "htmx", False):
        messages.success(request, text)
        return redirect("reservations:list")
    news = {"dialog-close": {}, "toast": {"text": text}}
    return HttpResponse(status=204, headers={"HX-Trigger": json.dumps(news)})


def _actor(request: HttpRequest) -> Actor:
    return Actor.user(request.user)
