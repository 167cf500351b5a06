"""Nudges between server processes: said to the link, heard by topic; without a link nothing."""

import asyncio
import uuid
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from django.conf import settings

from agents import doorbell
from scheduler_site.shared import nudges
from tasks import waiters
from tasks.output import watchers
from tasks.scheduling import wakeup
from tasks.waiters import Waiter


class FakeLink:
    def __init__(self) -> None:
        self.said: list[tuple[str, str]] = []
        self.up = True

    def say(self, topic: str, word: str) -> None:
        self.said.append((topic, word))

    def is_up(self) -> bool:
        return self.up


@pytest.fixture
def link() -> Iterator[FakeLink]:
    found = FakeLink()
    nudges.attach(found)
    yield found
    nudges.attach(None)


@pytest.fixture(autouse=True)
def no_pass_is_asked_for() -> None:
    wakeup.event.clear()


def test_without_a_link_nothing_is_said_and_all_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    nudges.say("pass")
    monkeypatch.setattr(settings, "IS_SQLITE", True)
    assert nudges.hears_all()
    monkeypatch.setattr(settings, "IS_SQLITE", False)  # there may be other processes that nobody hears
    assert not nudges.hears_all()


def test_rings_ends_and_passes_are_said_to_the_others(link: FakeLink) -> None:
    host = uuid.uuid4()
    doorbell._call(host)
    waiters._ended(41, "failed")
    wakeup._wake()
    assert link.said == [("ring", str(host)), ("ended", "41 failed"), ("pass", "")]


def test_output_that_is_open_at_another_process_is_watched_for_a_while(
    link: FakeLink, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr(watchers, "time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(watchers, "_elsewhere", {})
    nudges.hear("watched", "41")
    assert watchers.watching(41)
    assert not watchers.watching(42)
    now[0] += watchers.ELSEWHERE_SECONDS
    assert not watchers.watching(41)
    assert link.said == []


def test_what_is_long_over_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(watchers, "time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(watchers, "_elsewhere", {})
    monkeypatch.setattr(watchers, "MOST_ELSEWHERE", 2)
    for task_id in ("1", "2"):
        nudges.hear("watched", task_id)
    now[0] += watchers.ELSEWHERE_SECONDS
    nudges.hear("watched", "3")
    assert list(watchers._elsewhere) == [3]


def test_an_open_page_is_said_to_the_others(link: FakeLink) -> None:
    watchers.add(41)
    watchers.remove(41)
    assert link.said == [("watched", "41")]


def test_a_topic_of_another_version_is_passed_over() -> None:
    nudges.hear("weather", "rain")


async def test_a_ring_at_another_process_is_heard_here(link: FakeLink) -> None:
    host = uuid.uuid4()
    doorbell.attach(asyncio.get_running_loop())
    waiting = asyncio.create_task(doorbell.wait(host, 20))
    await asyncio.sleep(0)
    nudges.hear("ring", str(host))
    assert await waiting
    assert link.said == []  # what was heard is not said again
    doorbell.attach(None)


async def test_an_end_at_another_process_is_heard_here(link: FakeLink) -> None:
    waiter = Waiter([7], until_all=True)
    waiting = asyncio.create_task(waiter.wait(20))
    await asyncio.sleep(0)
    nudges.hear("ended", "7 completed")
    await waiting
    assert waiter.ended() == [7]
    assert link.said == []


def test_a_pass_asked_for_at_another_process_is_made_here(link: FakeLink) -> None:
    nudges.hear("pass", "")
    assert wakeup.event.is_set()
    assert link.said == []


async def test_when_nobody_is_heard_any_more_waiters_ask_again_and_a_pass_is_made(link: FakeLink) -> None:
    waiter = Waiter([7, 8], until_all=True)
    waiting = asyncio.create_task(waiter.wait(20))
    await asyncio.sleep(0)
    nudges.is_deaf()
    await waiting
    assert (waiter.ended(), waiter.still_open()) == ([], [7, 8])
    assert wakeup.event.is_set()


async def test_while_nobody_is_heard_waits_are_short(link: FakeLink, monkeypatch: pytest.MonkeyPatch) -> None:
    link.up = False
    monkeypatch.setattr(waiters, "DEAF_SECONDS", 0.01)
    waiter = Waiter([7], until_all=False)
    await waiter.wait(3600)
    assert waiter.still_open() == [7]
