"""GET wait over the path that serves it: who may wait, for which session, and what a ring does."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from django.db import InterfaceError, OperationalError

from agents import authentication, doorbell
from agents.credentials import hashed
from agents.models import Agent
from scheduler_site.onehop import OneHop
from tasks.agent_api import wait as wait_call
from tests.factories import make_agent
from tests.scheduler_site.test_onehop import Exchange

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def found(transactional_db: None) -> Agent:
    return make_agent(secret_hash=hashed("secret"), epoch=3)


@pytest_asyncio.fixture
async def agent(found: Agent) -> AsyncIterator[Agent]:
    doorbell.attach(asyncio.get_running_loop())
    yield found
    doorbell.attach(None)


async def waited(agent: Agent, epoch: str = "3", secret: str = "secret") -> tuple[int, dict]:
    exchange = Exchange(f"/agent/v1/wait?epoch={epoch}", method="GET")
    exchange.scope["headers"].append((b"authorization", f"Agent {agent.pk}:{secret}".encode()))
    application = OneHop()
    try:
        await application(exchange.scope, exchange.incoming.get, exchange.send)
    finally:
        application.close()  # the test's database is dropped afterwards; threads that stay would keep it open
    exchange.check_length()
    return exchange.status, json.loads(exchange.body)


async def test_a_ring_says_beat(agent: Agent) -> None:
    doorbell._call(agent.pk)
    assert await waited(agent) == (200, {"beat": True})


async def test_no_ring_says_ask_again(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wait_call, "HOLD_SECONDS", (0.01, 0.01))
    assert await waited(agent) == (200, {"beat": False})


@pytest.mark.parametrize(("epoch", "status", "code"), [
    ("2", 409, "stale_epoch"), ("4", 409, "stale_epoch"), ("", 400, "bad_message"), ("x", 400, "bad_message"),
    ("-1", 400, "bad_message"), ("9" * 5000, 400, "bad_message"),
])  # fmt: skip
async def test_only_the_latest_session_waits(agent: Agent, epoch: str, status: int, code: str) -> None:
    found, body = await waited(agent, epoch)
    assert (found, body["code"]) == (status, code)


async def test_only_with_the_secret(agent: Agent) -> None:
    status, body = await waited(agent, secret="other")
    assert (status, body["code"]) == (401, "unauthorized")


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
async def test_a_database_that_is_away_means_ask_again(
    agent: Agent, error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_agent: Agent, _secret: str) -> bool:
        raise error("connection already closed")

    monkeypatch.setattr(authentication.rotation, "is_good", fails)
    status, body = await waited(agent)
    assert (status, body["code"]) == (503, "busy")


async def test_hosts_that_came_together_come_apart(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[float] = []

    async def rings(_agent_id: object, seconds: float) -> bool:
        held.append(seconds)
        return False

    monkeypatch.setattr(doorbell, "wait", rings)
    for _ in range(10):
        await waited(agent)
    assert len(set(held)) == 10
    assert all(15 <= seconds <= 25 for seconds in held)
