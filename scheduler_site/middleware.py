"""Static files, and headers of every reply: which server this is, what a page may load. Works for sync and async views;
no database after the first reply, no session.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.utils.decorators import sync_and_async_middleware
from whitenoise.middleware import WhiteNoiseMiddleware

from scheduler_site.shared.identity import instance_id

Handler = Callable[[HttpRequest], Any]


def _after(get_response: Handler, change: Callable[[HttpRequest, HttpResponseBase], None]) -> Handler:
    """A middleware that only changes the response."""
    if iscoroutinefunction(get_response):

        async def in_loop(request: HttpRequest) -> HttpResponseBase:
            response: HttpResponseBase = await _awaited(get_response(request))
            change(request, response)
            return response

        return in_loop

    def in_thread(request: HttpRequest) -> HttpResponseBase:
        response: HttpResponseBase = get_response(request)
        change(request, response)
        return response

    return in_thread


async def _awaited(value: Awaitable[Any]) -> Any:
    return await value


@sync_and_async_middleware
def instance_header(get_response: Handler) -> Handler:
    """Agents take a reply for ours only if it says whose it is: a proxy's error page does not."""
    return _after(get_response, _add_instance)


def _add_instance(request: HttpRequest, response: HttpResponseBase) -> None:
    if request.path.startswith("/agent/v1/"):
        response["X-Instance"] = instance_id()


@sync_and_async_middleware
def static_files(get_response: Handler) -> Handler:
    """Static files come before async views only in name: WhiteNoise is synchronous and would put each of those on a
    thread that waits, so they are left alone.
    """
    return get_response if iscoroutinefunction(get_response) else WhiteNoiseMiddleware(get_response)


@sync_and_async_middleware
def content_security_policy(get_response: Handler) -> Handler:
    """A view may have set a stricter policy itself, as the raw log does."""
    return _after(get_response, _add_policy)


def _add_policy(_request: HttpRequest, response: HttpResponseBase) -> None:
    response.headers.setdefault("Content-Security-Policy", settings.CONTENT_SECURITY_POLICY)
