"""GET wait over the real asynchronous path: who may wait, for which session, and what a ring does."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from asgiref.sync import sync_to_async
from django.db import InterfaceError, OperationalError, connection
from django.test import AsyncClient

from agents import doorbell
from agents.credentials import hashed
from agents.models import Agent
from tasks.agent_api import wait as wait_call
from tests.factories import make_agent

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
    response = await AsyncClient().get(
        f"/agent/v1/wait?epoch={epoch}", headers={"Authorization": f"Agent {agent.pk}:{secret}"}
    )
    return response.status_code, response.json()


async def test_a_ring_says_beat(agent: Agent) -> None:
    doorbell._call(agent.pk)
    assert await waited(agent) == (200, {"beat": True})


async def test_no_ring_says_ask_again(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wait_call, "HOLD_SECONDS", 0.01)
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


async def test_who_waits_holds_no_database_connection(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    left_open: list[bool] = []

    async def no_wait(*_arguments: object) -> bool:
        left_open.append(await sync_to_async(lambda: connection.connection is not None)())
        return False

    monkeypatch.setattr(doorbell, "wait", no_wait)
    await waited(agent)
    assert left_open == [False]


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
async def test_a_database_that_is_away_means_ask_again(
    agent: Agent, error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_header: str) -> Agent:
        raise error("connection already closed")

    monkeypatch.setattr(wait_call, "authenticated_agent", fails)
    status, body = await waited(agent)
    assert (status, body["code"]) == (503, "busy")
