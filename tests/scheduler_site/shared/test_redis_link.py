"""Nudges over a real Redis: between two links, not to oneself; an outage is noticed, lived through, and then over."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
import pytest_asyncio
import redis.asyncio

from scheduler_site.shared import nudges, redis_link
from scheduler_site.shared.redis_link import RedisLink
from tests.redis_server import NO_REDIS, REDIS_SERVER, RedisServer

pytestmark = pytest.mark.skipif(REDIS_SERVER is None, reason=NO_REDIS)
Links = tuple[RedisLink, RedisLink]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


@pytest.fixture
def server() -> Iterator[RedisServer]:
    found = RedisServer()
    found.start()
    yield found
    found.stop()


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    monkeypatch.setattr(nudges, "hear", lambda topic, word: found.append((topic, word)))
    monkeypatch.setattr(redis_link, "AGAIN_SECONDS", 0.05)
    return found


@pytest_asyncio.fixture
async def links(server: RedisServer, heard: list[tuple[str, str]]) -> AsyncIterator[Links]:
    loop = asyncio.get_running_loop()
    one, other = RedisLink(loop, server.url, "site"), RedisLink(loop, server.url, "site")
    await until(lambda: one.is_up() and other.is_up())
    yield one, other
    await one.close()
    await other.close()


async def test_the_others_hear_it_once_and_in_order(links: Links, heard: list[tuple[str, str]]) -> None:
    said = [("end", str(number)) for number in range(2 * redis_link.AT_ONCE)]
    for topic, word in said:
        links[0].say(topic, word)
        links[0].say(topic, word)  # nobody has to look twice
    await until(lambda: len(heard) >= len(said))
    assert heard == said


async def test_it_may_be_said_in_any_thread(links: Links, heard: list[tuple[str, str]]) -> None:
    await asyncio.to_thread(links[1].say, "pass", "")
    await until(lambda: heard == [("pass", "")])


async def test_another_site_on_the_same_redis_hears_nothing(
    server: RedisServer, links: Links, heard: list[tuple[str, str]]
) -> None:
    stranger = RedisLink(asyncio.get_running_loop(), server.url, "another-site")
    await until(stranger.is_up)
    stranger.say("end", "1")
    links[0].say("end", "2")
    await until(lambda: ("end", "2") in heard)
    await stranger.close()
    assert heard == [("end", "2")]


async def test_nonsense_does_not_end_the_listening(
    server: RedisServer, links: Links, heard: list[tuple[str, str]]
) -> None:
    async with redis.asyncio.Redis.from_url(server.url) as client:
        for nonsense in ("", "{", "[]", json.dumps(["x", 7]), json.dumps(["x", [["end"]]]), b"\xff"):
            await client.publish("site", nonsense)
    links[0].say("end", "1")
    await until(lambda: heard == [("end", "1")])


async def test_an_outage_is_told_once_and_over_by_itself(
    server: RedisServer, links: Links, heard: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(nudges, "is_deaf", lambda: told.append("deaf"))
    server.stop()
    await until(lambda: not links[0].is_up() and not links[1].is_up())
    links[0].say("end", "1")  # to nobody
    await until(lambda: not links[0]._unsent)
    server.start()
    await until(lambda: links[0].is_up() and links[1].is_up())
    links[0].say("end", "2")
    await until(lambda: ("end", "2") in heard)
    assert heard == [("end", "2")]
    assert told == ["deaf", "deaf"]
