"""Ranges of output over the live socket: who gets them, one at a time, and that a damaged question costs nothing."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator
from django.contrib.auth.models import AnonymousUser
from django.db import OperationalError, connections

from scheduler_site.live_reads import LiveReads
from scheduler_site.threads import Threads
from tasks.api import live_ranges
from tasks.output.logs import path_of
from tests.factories import make_output_log, make_sub_agent, make_user

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def task_id(settings: Any, tmp_path: Path) -> int:
    """Of a task that has printed something."""
    settings.TASK_LOG_DIR = tmp_path
    sub_agent = make_sub_agent()
    path = path_of(sub_agent, "out")
    path.parent.mkdir(parents=True)
    path.write_bytes(b"one\ntwo\n")
    make_output_log(sub_agent, stored_bytes=8)
    return int(sub_agent.task_id)


def asked(task_id: int, **more: Any) -> dict[str, Any]:
    return {"request": 1, "task": task_id, "attempt_no": 1, "start": 4, **more}


async def test_bytes_come_in_one_message(socket: WebsocketCommunicator, task_id: int) -> None:
    await socket.send_json_to({"read": asked(task_id)})
    head, _, data = (await socket.receive_from(5)).partition(b"\n")
    assert json.loads(head) == {"request": 1, "start": 4, "size": 8, "state": "open", "gaps": []}
    assert data == b"two\n"


@pytest.mark.parametrize(
    ("more", "code"),
    [({"task": 4000}, "not_found"), ({"start": 8}, "no_bytes"), ({"rank": 3}, "not_found")],
)
async def test_what_it_cannot_give_it_refuses_by_number(
    socket: WebsocketCommunicator, task_id: int, more: dict[str, Any], code: str
) -> None:
    await socket.send_json_to({"read": asked(task_id, **more)})
    error = await socket.receive_json_from(5)
    assert (error["kind"], error["request"], error["code"]) == ("error", 1, code)


@pytest.mark.parametrize("read", [None, 7, [], {}, {"request": 1}, {"path": "/etc/passwd"}])
async def test_a_damaged_question_gets_a_word_and_the_socket_stays(
    socket: WebsocketCommunicator, task_id: int, read: Any
) -> None:
    await socket.send_json_to({"read": read})
    error = await socket.receive_json_from(5)
    assert (error["kind"], error["code"]) == ("error", "invalid")
    await socket.send_json_to({"read": asked(task_id)})
    assert (await socket.receive_from(5)).endswith(b"\ntwo\n")


class Page:
    """At the other end of LiveReads. Takes a range once `room` is set."""

    def __init__(self, threads: Threads) -> None:
        self.room = asyncio.Event()
        self.got: list[bytes] = []
        self.refused: list[Any] = []
        self.reads = LiveReads(threads, self.take, lambda error: self.refused.append(error["code"]))

    async def take(self, message: bytes) -> None:
        await self.room.wait()
        self.got.append(message)

    async def settled(self) -> None:
        assert self.reads._under_way is not None
        await self.reads._under_way


@pytest.fixture
def page() -> Iterator[Page]:
    threads = Threads(1, "tried", at_end=connections.close_all)
    yield Page(threads)
    threads.close()


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The requests for which rows and files were read."""
    read: list[int] = []

    def message(_self: Any, wanted: Any) -> bytes:
        read.append(wanted.request)
        return b"%d" % wanted.request

    monkeypatch.setattr(live_ranges.Ranges, "message", message)
    return read


async def test_a_page_that_takes_nothing_has_one_range_in_memory(page: Page, read: list[int]) -> None:
    user = await sync_to_async(make_user)()
    for request in range(50):
        page.reads.ask(asked(1, request=request), user)
        await asyncio.sleep(0)
    page.room.set()
    await page.settled()
    assert (read, page.got, page.refused) == ([0], [b"0"], ["busy"] * 49)
    page.reads.ask(asked(1, request=50), user)
    await page.settled()
    assert page.got == [b"0", b"50"]


async def test_nobody_reads_who_is_not_signed_in_any_more(page: Page, task_id: int) -> None:
    page.reads.ask(asked(task_id), AnonymousUser())
    await page.settled()
    closed = await sync_to_async(make_user)(is_active=False)
    page.reads.ask(asked(task_id), closed)
    await page.settled()
    assert (page.got, page.refused) == ([], ["permission_denied"] * 2)


@pytest.mark.parametrize("trouble", [OperationalError("away"), PermissionError("not mine")])
async def test_trouble_of_the_database_or_disk_is_left_to_http(
    page: Page, trouble: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def message(*_: Any) -> bytes:
        raise trouble

    monkeypatch.setattr(live_ranges.Ranges, "message", message)
    page.reads.ask(asked(1), await sync_to_async(make_user)())
    await page.settled()
    assert page.refused == ["unavailable"]


@pytest.mark.usefixtures("read")
async def test_a_socket_that_goes_leaves_nothing_waiting(page: Page) -> None:
    page.reads.ask(asked(1), await sync_to_async(make_user)())
    page.reads.end()
    with pytest.raises(asyncio.CancelledError):
        await page.settled()
    assert page.got == []
