"""Who gets a thread next, who is told to come again, and that no place is ever lost."""

import asyncio

import pytest

from scheduler_site import admission
from scheduler_site.admission import Admission, Busy, Rank, Waiting, busy_answer, rank_of


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
    """Requests at one place, each held until it leaves."""

    def __init__(self, places: int = 1) -> None:
        self.admission = Admission(places)
        self.served: list[Rank] = []
        self.sent_away: list[Busy] = []

    def comes(self, *ranks: Rank) -> list[Waiting | None]:
        return [
            self.admission.ask(rank, lambda rank=rank: self.served.append(rank), self.sent_away.append)
            for rank in ranks
        ]

    def leave(self, count: int = 1) -> None:
        for _ in range(count):
            self.admission.leave(0.01)


async def test_results_go_first_and_output_last() -> None:
    crowd = Crowd()
    crowd.comes(Rank.BEAT, Rank.OUTPUT, Rank.REPORT, Rank.RESULT, Rank.SESSION, Rank.RESULT)
    assert crowd.served == [Rank.BEAT]
    crowd.leave(5)
    assert crowd.served == [Rank.BEAT, Rank.RESULT, Rank.RESULT, Rank.SESSION, Rank.REPORT, Rank.OUTPUT]


async def test_as_many_at_a_time_as_there_are_places() -> None:
    crowd = Crowd(places=2)
    crowd.comes(Rank.BEAT, Rank.BEAT, Rank.BEAT, Rank.BEAT)
    assert len(crowd.served) == 2
    crowd.leave(4)
    crowd.comes(Rank.RESULT, Rank.RESULT, Rank.RESULT)
    assert crowd.served == [Rank.BEAT] * 4 + [Rank.RESULT] * 2


async def test_who_would_wait_too_long_is_sent_away_at_once() -> None:
    crowd = Crowd()
    crowd.admission._seconds = 2.0
    crowd.comes(Rank.BEAT, Rank.BEAT, Rank.OUTPUT)
    assert crowd.sent_away == []  # not before `ask` returns: whoever asks may not be ready for it
    await asyncio.sleep(0)
    (busy,) = crowd.sent_away
    assert busy.again_in_seconds >= 1
    assert crowd.served == [Rank.BEAT]


async def test_patience_ends_and_the_place_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(admission.PATIENCE_SECONDS, Rank.BEAT, 0.02)
    crowd = Crowd()
    crowd.comes(Rank.RESULT, Rank.BEAT)
    while not crowd.sent_away:
        await asyncio.sleep(0.001)
    crowd.leave()
    crowd.comes(Rank.REPORT)
    assert crowd.served == [Rank.RESULT, Rank.REPORT]


async def test_who_withdraws_takes_no_place_with_it() -> None:
    crowd = Crowd()
    _, waiting = crowd.comes(Rank.BEAT, Rank.BEAT)
    assert waiting is not None
    assert crowd.admission.withdraw(waiting) is not None
    assert crowd.admission.withdraw(waiting) is None
    crowd.leave()
    crowd.comes(Rank.REPORT)
    assert (crowd.served, crowd.sent_away) == ([Rank.BEAT, Rank.REPORT], [])
    assert set(crowd.admission._count.values()) == {0}


@pytest.mark.django_db
def test_the_answer_is_one_of_ours() -> None:
    answer = busy_answer(Busy(7))
    assert (answer.status_code, answer["Retry-After"], answer["Content-Type"]) == (503, "7", "application/json")
    assert answer["X-Instance"]


async def test_it_knows_how_many_it_can_serve() -> None:
    served = Admission(4)
    for _ in range(300):
        served.ask(Rank.BEAT, lambda: None, lambda _busy: None)
        served.leave(0.1)
    assert served.per_second() == pytest.approx(40.0, rel=0.01)
