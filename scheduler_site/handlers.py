"""Django's synchronous handlers: one with all of MIDDLEWARE, one for agents with what their calls need of it.

An agent has no session, no form, no page and no file to be sent; passing each call through what serves those took as
much as the smaller calls themselves. Which paths are agents' is the adapter's to know.
"""

from typing import Any

from django.conf import settings
from django.core.handlers.base import BaseHandler
from django.core.handlers.exception import convert_exception_to_response
from django.http import HttpRequest
from django.urls import ResolverMatch
from django.utils.module_loading import import_string


def for_people() -> BaseHandler:
    handler = BaseHandler()
    handler.load_middleware()
    return handler


def for_agents() -> BaseHandler:
    handler = AgentsHandler()
    handler.load_middleware()
    return handler


class AgentsHandler(BaseHandler):
    """Its middleware only wraps: none has a say in views, templates or exceptions. Most calls have one fixed path each,
    which is looked up once."""

    def __init__(self) -> None:
        super().__init__()
        self._fixed: dict[str, ResolverMatch] = {}

    def resolve_request(self, request: HttpRequest) -> ResolverMatch:
        found = self._fixed.get(request.path_info)
        if found is None:
            found = super().resolve_request(request)
            if not (found.args or found.kwargs):
                self._fixed[request.path_info] = found
        request.resolver_match = found
        return found

    def load_middleware(self, is_async: bool = False) -> None:
        self._view_middleware: list[Any] = []
        self._template_response_middleware: list[Any] = []
        self._exception_middleware: list[Any] = []
        ends: Any = self  # whose stubs leave the last step out
        chain = convert_exception_to_response(ends._get_response)
        for path in reversed(settings.AGENT_MIDDLEWARE):
            chain = convert_exception_to_response(import_string(path)(chain))
        self._middleware_chain = chain
