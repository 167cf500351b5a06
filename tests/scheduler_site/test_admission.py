"""Who gets a thread next, who is told to come again, and that no place is ever lost."""

import asyncio
from types import SimpleNamespace

import pytest

from scheduler_site import admission
from scheduler_site.admission import Admission, Busy, Rank, busy_answer, rank_of


@pytest.mark.parametrize(
    ("path", "body", "rank"),
    [
        ("/agent/v1/report", b'{"entries":[{"finish":{"reason":"exit"}}]}', Rank.RESULT),
        ("/agent/v1/report", b'{"entries": [{"finish": {"reason": "exit"}}]}', Rank.RESULT),
        ("/agent/v1/report", b'{"entries":[{"finish":null}]}', Rank.REPORT),
        ("/agent/v1/report", b'{"entries":[{"started":{"pid":7},"finish":null}]}', Rank.CLAIM),
        ("/agent/v1/report", b'{"entries":[{"finish":null,"log_close":[{"stream":"out"}]}]}', Rank.CLAIM),
        ("/agent/v1/report", b'{"entries":[{"finish":null,"log_close":[]}]}', Rank.REPORT),
        ("/agent/v1/wait", b"", Rank.BEAT),
        ("/agent/v1/session", b"{}", Rank.SESSION),
        ("/agent/v1/heartbeat", b"{}", Rank.BEAT),
        ("/agent/v1/sub-agents/1/claim", b"{}", Rank.CLAIM),
        ("/agent/v1/sub-agents/1/log", b'"finish":{', Rank.OUTPUT),
    ],
)
def test_the_rank_of_a_request(path: str, body: bytes, rank: Rank) -> None:
    assert rank_of(path, body) is rank


class Crowd:
    """Requests at one place, each held until it is let go."""

    def __init__(self, places: int = 1) -> None:
        self.admission = Admission(places)
        self.served: list[Rank] = []
        self.let_go = asyncio.Event()

    async def request(self, rank: Rank) -> None:
        async with self.admission.place(rank):
            self.served.append(rank)
            await self.let_go.wait()

    async def come(self, *ranks: Rank) -> list[asyncio.Task[None]]:
        tasks = [asyncio.create_task(self.request(rank)) for rank in ranks]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return tasks


async def test_results_go_first_and_output_last() -> None:
    crowd = Crowd()
    tasks = await crowd.come(Rank.BEAT, Rank.OUTPUT, Rank.REPORT, Rank.RESULT, Rank.SESSION, Rank.RESULT)
    assert crowd.served == [Rank.BEAT]
    crowd.let_go.set()
    await asyncio.gather(*tasks)
    assert crowd.served == [Rank.BEAT, Rank.RESULT, Rank.RESULT, Rank.SESSION, Rank.REPORT, Rank.OUTPUT]


async def test_who_would_wait_too_long_is_sent_away_at_once() -> None:
    crowd = Crowd()
    crowd.admission._seconds = 2.0
    first = await crowd.come(Rank.BEAT, Rank.BEAT)
    with pytest.raises(Busy) as busy:
        await crowd.request(Rank.OUTPUT)
    assert busy.value.again_in_seconds >= 1
    crowd.let_go.set()
    await asyncio.gather(*first)


async def test_patience_ends_and_the_place_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(admission.PATIENCE_SECONDS, Rank.BEAT, 0.02)
    crowd = Crowd()
    first = await crowd.come(Rank.RESULT)
    with pytest.raises(Busy):
        await crowd.request(Rank.BEAT)
    crowd.let_go.set()
    await asyncio.gather(*first)
    await crowd.request(Rank.BEAT)
    assert crowd.served == [Rank.RESULT, Rank.BEAT]


async def test_a_client_that_goes_away_takes_no_place_with_it() -> None:
    crowd = Crowd()
    first, waiting = await crowd.come(Rank.BEAT, Rank.BEAT)
    waiting.cancel()
    crowd.let_go.set()
    await first
    await crowd.request(Rank.REPORT)
    assert crowd.served == [Rank.BEAT, Rank.REPORT]


@pytest.mark.django_db
def test_the_answer_is_one_of_ours() -> None:
    answer = busy_answer(Busy(7))
    assert (answer.status_code, answer["Retry-After"], answer["Content-Type"]) == (503, "7", "application/json")
    assert answer["X-Instance"]


async def test_it_knows_how_many_it_can_serve(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(admission, "time", SimpleNamespace(monotonic=lambda: now[0]))
    served = Admission(4)
    for _ in range(300):
        async with served.place(Rank.BEAT):
            now[0] += 0.1
    assert served.per_second() == pytest.approx(40.0, rel=0.01)
