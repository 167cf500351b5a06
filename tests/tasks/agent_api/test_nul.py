"""NUL in what agents say: PostgreSQL stores none, so it is refused, or left out of what is only shown."""

import json
from typing import Any

import msgspec
import pytest

from scheduler_site.shared.errors import BadMessage
from tasks import agent_messages
from tasks.agent_messages import decode
from tests.contract import messages

NUL = "nonce\0nonce\0nonce"
REFUSED = [
    (agent_messages.Session, messages.SESSION, ["boot_id"]),
    (agent_messages.Session, messages.SESSION, ["incarnation"]),
    (agent_messages.Session, messages.SESSION, ["machine_id"]),
    (agent_messages.Session, messages.SESSION, ["agent_version"]),
    (agent_messages.Session, messages.SESSION, ["resources", "gpus", 0, "uuid"]),
    (agent_messages.Session, messages.SESSION, ["resources", "gpus", 0, "name"]),
    (agent_messages.Claim, messages.CLAIM, ["nonce"]),
    (agent_messages.Finish, messages.FINISH, ["digest"]),
]


@pytest.mark.parametrize(("kind", "message", "path"), REFUSED, ids=lambda value: str(value)[:40])
def test_it_is_refused_where_it_would_be_stored(kind: type[msgspec.Struct], message: Any, path: list[Any]) -> None:
    body = json.loads(json.dumps(message))
    where = body
    for step in path[:-1]:
        where = where[step]
    where[path[-1]] = NUL
    with pytest.raises(BadMessage):
        decode(json.dumps(body).encode(), kind)


def test_it_is_left_out_of_what_is_only_shown() -> None:
    """No host is refused for that, and one host's figures must not keep those of all others from being written."""
    host = decode(json.dumps({"hostname": "h", "user": NUL, "os": {"a": [NUL]}}).encode(), agent_messages.HostMessage)
    assert (host.facts()["hostname"], host.facts()["user"], host.facts()["os"]) == ("h", None, None)
    usage = decode(json.dumps({"cpu_percent": 5, "gpus": [{"uuid": NUL}]}).encode(), agent_messages.UsageMessage)
    assert (usage.value().cpu_percent, usage.value().gpus) == (5, [])
    resources = decode(json.dumps({"gpu_detail": NUL}).encode(), agent_messages.ResourcesMessage)
    assert "\0" not in resources.value().gpu_detail
