"""The live socket of a real server: a range of output by it, and a page that takes nothing of what it asked for."""

import asyncio
import json
from typing import Any

import pytest
import requests
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Origin

from tests.running import Nightshift

pytestmark = pytest.mark.acceptance
MIB = 1024 * 1024
QUESTIONS = 120  # 30 MiB, if all were answered
SILENCE_SECONDS = 1.0


@pytest.fixture(scope="module")
def task_id(nightshift: Nightshift) -> int:
    """Of a script that has printed a MiB."""
    nightshift.start_agent()
    task_id = nightshift.submit(f"yes 0123456789abcde | head -c {MIB}\n")
    nightshift.wait_for_log(task_id)
    return task_id


@pytest.fixture(scope="module")
def cookies(nightshift: Nightshift) -> str:
    with requests.Session() as browser:
        browser.get(nightshift.sign_in_link(), timeout=30).raise_for_status()
        return "; ".join(f"{cookie.name}={cookie.value}" for cookie in browser.cookies)


def opened(nightshift: Nightshift, cookies: str, **options: Any) -> connect:
    return connect(
        nightshift.url.replace("http", "ws") + "/ws/live/",
        origin=Origin(nightshift.url),
        additional_headers={"Cookie": cookies},
        compression=None,
        max_size=None,
        **options,
    )


def question(task_id: int, request: int, start: int = 0) -> str:
    return json.dumps({"read": {"request": request, "task": task_id, "attempt_no": 1, "start": start}})


async def heard(socket: ClientConnection) -> list[str | bytes]:
    """Until it is silent."""
    messages = []
    try:
        while True:
            messages.append(await asyncio.wait_for(socket.recv(), SILENCE_SECONDS))
    except TimeoutError:
        return messages


async def test_the_whole_piece_by_piece(nightshift: Nightshift, task_id: int, cookies: str) -> None:
    got = b""
    async with opened(nightshift, cookies) as socket:
        await socket.recv()
        while len(got) < MIB:
            await socket.send(question(task_id, 1, len(got)))
            message = await asyncio.wait_for(socket.recv(), 30)
            assert isinstance(message, bytes), message
            got += message.partition(b"\n")[2]
    assert got == await asyncio.to_thread(nightshift.log, task_id)


async def test_who_takes_nothing_is_sent_no_more(nightshift: Nightshift, task_id: int, cookies: str) -> None:
    """What the kernel holds for it comes on top of the one range."""
    async with opened(nightshift, cookies, max_queue=1, ping_interval=None) as socket:
        await socket.recv()
        for request in range(QUESTIONS):
            await socket.send(question(task_id, request))
            await asyncio.to_thread(nightshift.get, "/api/tasks/?page_size=1")  # the server had time to answer
        messages = await heard(socket)
        ranges = sum(isinstance(message, bytes) for message in messages)
        assert 1 <= ranges <= QUESTIONS // 2
        assert b'"busy"' in b"".join(message.encode() for message in messages if isinstance(message, str))
        await socket.send(question(task_id, 1000))
        assert json.loads((await heard(socket))[-1].partition(b"\n")[0])["request"] == 1000  # type: ignore[arg-type]
