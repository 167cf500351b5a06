"""How much of a body is read, and for how long, driven as an ASGI server drives the wrapper."""

import asyncio
from typing import Any

import pytest

from scheduler_site.body_guard import BodyGuard
from scheduler_site.body_limits import has_credential, limit_of

KEY = (b"authorization", b"Bearer x")


def session(settings: Any) -> tuple[bytes, bytes]:
    return (b"Cookie", f"a=b; {settings.SESSION_COOKIE_NAME}=x".encode())


async def reader(scope: Any, receive: Any, send: Any) -> None:
    size = 0
    while True:
        message = await receive()
        size += len(message.get("body", b""))
        if not message.get("more_body"):
            break
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"%d" % size})


async def exchange(path: str, *pieces: bytes, headers: Any = (), is_complete: bool = True) -> list[dict[str, Any]]:
    """What is answered; an incomplete body never ends."""
    incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    for number, piece in enumerate(pieces):
        more = number < len(pieces) - 1 or not is_complete
        incoming.put_nowait({"type": "http.request", "body": piece, "more_body": more})
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await BodyGuard(reader)({"type": "http", "path": path, "headers": list(headers)}, incoming.get, send)
    return sent


async def test_a_body_up_to_the_limit_arrives_whole(settings: Any) -> None:
    settings.BODY_BYTES = 10
    sent = await exchange("/api/tasks/", b"12345", b"67890", headers=[KEY])
    assert (sent[0]["status"], sent[1]["body"]) == (200, b"10")


async def test_one_byte_more_is_cut_off(settings: Any) -> None:
    settings.BODY_BYTES = 10
    sent = await exchange("/api/tasks/", b"12345", b"678901", b"never read", headers=[KEY], is_complete=False)
    assert sent[0]["status"] == 413
    assert b"too_large" in sent[1]["body"]


@pytest.mark.django_db(transaction=True)
async def test_agents_learn_whose_refusal_it_is(settings: Any) -> None:
    settings.AGENT_JSON_BYTES = 1
    sent = await exchange("/agent/v1/heartbeat", b"12", headers=[(b"authorization", b"Agent x")])
    assert sent[0]["status"] == 413
    assert b"X-Instance" in dict(sent[0]["headers"])


async def test_a_body_that_does_not_end_in_time_is_given_up(settings: Any) -> None:
    settings.BODY_SECONDS = 0.05
    sent = await exchange("/api/tasks/", b"1", headers=[KEY], is_complete=False)
    assert sent[0]["status"] == 408


async def test_after_the_body_the_connection_may_stay_silent(settings: Any) -> None:
    settings.BODY_SECONDS = 0.05
    told: list[str] = []

    async def waits_for_the_end(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        told.append((await receive())["type"])

    incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    incoming.put_nowait({"type": "http.request", "body": b"", "more_body": False})
    call = BodyGuard(waits_for_the_end)({"path": "/", "headers": []}, incoming.get, lambda _message: None)  # type: ignore[arg-type,return-value]
    waiting = asyncio.ensure_future(call)
    await asyncio.wait([waiting], timeout=0.2)
    incoming.put_nowait({"type": "http.disconnect"})
    await waiting
    assert told == ["http.disconnect"]


def test_limits_by_path_and_credential(settings: Any) -> None:
    stranger, person = settings.STRANGER_BODY_BYTES, settings.BODY_BYTES
    output, agent = settings.AGENT_BODY_BYTES, settings.AGENT_JSON_BYTES
    sub_agent = "/agent/v1/sub-agents/00000000-0000-0000-0000-000000000001"
    known = {
        "/tasks/new/": person,
        "/api/tasks/": person,
        "/agent/v1/report": output,
        f"{sub_agent}/log": output,
        f"{sub_agent}/claim": agent,
        "/agent/v1/heartbeat": agent,
    }
    for path, limit in known.items():
        assert limit_of(path, has_credential=True) == limit
        assert limit_of(path, has_credential=False) == stranger < limit


def test_what_counts_as_a_credential(settings: Any) -> None:
    assert has_credential([KEY])
    assert has_credential([session(settings)])
    assert not has_credential([(b"cookie", b"theme=dark"), (b"x-authorization", b"x")])
