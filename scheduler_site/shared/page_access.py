"""Who may use a page: signed in, or staff. Says in one sentence what is missing."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse

View = Callable[..., HttpResponse]


def staff_required(view: View) -> View:
    """Visitors are sent to sign in; signed-in people without the staff flag get 403."""

    @wraps(view)
    def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not request.user.is_staff:
            raise PermissionDenied("Only staff may do this; your account is not marked as staff.")
        return view(request, *args, **kwargs)

    guarded: View = login_required(checked)
    return guarded
