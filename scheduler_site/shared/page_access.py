"""Who may use a page: who is signed in and whose role has the right. Says in one sentence what is missing."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse

from scheduler_site.shared.roles import REFUSALS, Right, may

View = Callable[..., HttpResponse]


def right_required(right: Right) -> Callable[[View], View]:
    """Visitors are sent to sign in; signed-in people whose role lacks the right get 403."""

    def guard(view: View) -> View:
        @wraps(view)
        def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if not may(request.user, right):
                raise PermissionDenied(REFUSALS[right])
            return view(request, *args, **kwargs)

        guarded: View = login_required(checked)
        return guarded

    return guard


staff_required = right_required(Right.OPERATE)
submitter_required = right_required(Right.SUBMIT)
