"""POST log: a larger piece of output, as raw bytes at an offset."""

from typing import cast
from uuid import UUID

from django.http import HttpResponse
from rest_framework.request import Request

from scheduler_site.shared.errors import BadMessage, TooLarge
from tasks.agent_api.base import AgentApiView, SubAgentAuthentication, answer
from tasks.models import SubAgent
from tasks.output import logs
from tasks.reporting.reports import log_state

LARGEST_PIECE_BYTES = 4 << 20


class LogView(AgentApiView):
    authentication_classes = [SubAgentAuthentication]

    def post(self, request: Request, sub_agent_id: UUID) -> HttpResponse:
        sub_agent = cast(SubAgent, request.auth)
        if sub_agent.pk != sub_agent_id:
            raise BadMessage("The credential is another sub agent's.")
        stream = request.query_params.get("stream", "")
        if stream not in logs.STREAMS:
            raise BadMessage(f"stream is {stream!r}; it must be out or err")
        body = request.body
        if len(body) > LARGEST_PIECE_BYTES:
            raise TooLarge(f"At most {LARGEST_PIECE_BYTES} bytes at once.")
        offset = _number("offset", request.query_params.get("offset", ""))
        crc32 = _number("X-CRC32", request.headers.get("X-CRC32", ""))
        return answer(log_state(logs.append(sub_agent, stream, offset, body, crc32)))


def _number(name: str, raw: str) -> int:
    if not (raw.isascii() and raw.isdecimal() and len(raw) < 19):
        raise BadMessage(f"{name} is {raw!r}; it must be a whole number")
    return int(raw)
