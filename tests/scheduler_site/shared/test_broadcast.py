"""News for pages: to whom they go, and when the channel layer does not answer: not remembered without end."""

import asyncio
from typing import Any

import pytest

from scheduler_site.shared import broadcast


class SilentLayer:
    """A Redis that is away without a word."""

    def __init__(self) -> None:
        self.asked, self.answers = 0, asyncio.Event()

    async def group_send(self, _group: str, _message: Any) -> None:
        self.asked += 1
        await self.answers.wait()


async def test_what_cannot_be_sent_does_not_pile_up(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    layer = SilentLayer()
    monkeypatch.setattr(broadcast, "get_channel_layer", lambda: layer)
    monkeypatch.setattr(broadcast, "MOST_UNDER_WAY", 3)
    broadcast.attach(asyncio.get_running_loop())
    for _ in range(10):
        broadcast._send("tasks", {"kind": "task"})
    await asyncio.sleep(0)
    assert layer.asked == 3
    layer.answers.set()
    await asyncio.gather(*broadcast._sends)
    broadcast._send("tasks", {"kind": "task"})
    await asyncio.gather(*broadcast._sends)
    assert layer.asked == 4
    broadcast.attach(None)


def test_in_one_process_each_follower_hears_the_same_text_without_the_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broadcast, "get_channel_layer", None)
    first: list[str] = []
    second: list[str] = []
    follows = [("tasks", first.append), ("tasks", second.append), ("agents", second.append)]
    for group, hear in follows:
        broadcast.follow(group, hear)
    broadcast._send("tasks", {"kind": "task", "id": 1})
    broadcast._send("reservations", {"kind": "reservation"})
    assert first == second == ['{"kind": "task", "id": 1}']
    for group, hear in follows:
        assert broadcast.is_followed(group)
        broadcast.unfollow(group, hear)
    broadcast._send("tasks", {"kind": "task", "id": 2})
    assert len(first) == 1
    assert not broadcast.is_followed("tasks")
