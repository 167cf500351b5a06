"""POST claims: a host takes several sub agents at once. Each is answered as if it had been claimed alone."""

from collections.abc import Iterator
from typing import Any

import msgspec
from django.http import HttpResponse
from rest_framework.request import Request

from agents.models import Agent
from scheduler_site.shared.errors import DomainError
from tasks.agent_api.base import AgentApiView, answer, caller
from tasks.agent_api.claim import granted
from tasks.agent_api.versions import require_session
from tasks.agent_messages import ClaimOfOne, Claims, decode

MOST_BYTES = 4 * 1024 * 1024  # of grants in one answer; the agent reads up to 16 MiB
LATER = {"status": 409, "code": "claim_later", "detail": "The answer is full; claim this one again."}


class ClaimsView(AgentApiView):
    """What concerns all of them (the session, a database that is away) is the answer to the whole call: claimed once
    more under the same nonces, those that were granted meanwhile are granted again."""

    def post(self, request: Request) -> HttpResponse:
        message = self.read(request, Claims)
        require_session(caller(request), message.epoch)
        return answer({"replies": list(_replies(caller(request), message.claims))})


def _replies(agent: Agent, claims: list[msgspec.Raw]) -> Iterator[dict[str, Any]]:
    """In the order of the claims. Once the answer is full nothing more is granted: it could not be told."""
    size = 0
    for raw in claims:
        reply = _reply(agent, bytes(raw)) if size < MOST_BYTES else LATER
        size += len(msgspec.json.encode(reply))
        yield reply


def _reply(agent: Agent, raw: bytes) -> dict[str, Any]:
    try:
        claim = decode(raw, ClaimOfOne)
        return {"status": 200, "code": "ok", "grant": granted(agent, claim.sub_agent_id, claim)}
    except DomainError as error:
        return {"status": error.status, "code": error.code, "detail": error.detail, **error.extra}
