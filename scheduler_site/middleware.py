"""Headers of every reply: which server this is, what a page may load. No database after the first reply, no session."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase

from scheduler_site.shared.identity import instance_id

Handler = Callable[[HttpRequest], HttpResponseBase]


def _after(get_response: Handler, change: Callable[[HttpRequest, HttpResponseBase], None]) -> Handler:
    """A middleware that only changes the response."""

    def changed(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        change(request, response)
        return response

    return changed


def instance_header(get_response: Handler) -> Handler:
    """Agents take a reply for ours only if it says whose it is: a proxy's error page does not."""
    return _after(get_response, _add_instance)


def _add_instance(request: HttpRequest, response: HttpResponseBase) -> None:
    if request.path.startswith("/agent/v1/"):
        response["X-Instance"] = instance_id()


def content_security_policy(get_response: Handler) -> Handler:
    """A view may have set a stricter policy itself, as the raw log does."""
    return _after(get_response, _add_policy)


def _add_policy(_request: HttpRequest, response: HttpResponseBase) -> None:
    response.headers.setdefault("Content-Security-Policy", settings.CONTENT_SECURITY_POLICY)
