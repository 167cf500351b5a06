"""Which nonces go with which call, and which grants arrive: each once, and none after the inventory was taken."""

import threading
from collections.abc import Iterable
from typing import Any

import pytest

from agent_client.main_agent.claims_ahead import ASKED_AGAIN_SECONDS, AT_ONCE, MOST_AGAIN, ClaimsAhead
from tests.agent_client.main_agent_process import grant_of

HEARD = {"generation": "g", "commit_seq": 5}
NAMES = ["old" * 10, "new" * 10]


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def wakes() -> list[None]:
    return []


@pytest.fixture
def ahead(clock: Clock, wakes: list[None]) -> ClaimsAhead:
    made = ClaimsAhead(NAMES, lambda: wakes.append(None), clock)
    made.open(3, HEARD)
    return made


def asked(ahead: ClaimsAhead) -> Any:
    found = ahead.ask()
    assert found is not None
    return found


def reply(*nonces: str) -> dict[str, Any]:
    return {"granted": [{"nonce": nonce, "grant": grant_of(f"of-{nonce}")} for nonce in nonces]}


def taken(ahead: ClaimsAhead) -> list[str]:
    return [one.nonce for one in ahead.take()]


def fail(ahead: ClaimsAhead, calls: Iterable[Any]) -> None:
    for call in calls:
        ahead.failed(call)


def test_each_call_has_nonces_of_its_own_and_a_higher_number(ahead: ClaimsAhead) -> None:
    first, second = asked(ahead), asked(ahead)
    assert (first["epoch"], first["generation"], first["commit_seq"], first["again"]) == (3, "g", 5, [])
    assert second["seq"] > first["seq"]
    assert len({*first["nonces"], *second["nonces"]}) == 2 * AT_ONCE
    assert all(nonce.startswith(f"{NAMES[-1]}-") for nonce in first["nonces"])


@pytest.mark.parametrize("heard", [{}, {"generation": "g"}, {"commit_seq": 5}, {"generation": None, "commit_seq": 5}])
def test_nothing_is_claimed_of_a_server_that_does_not_say_which_it_is(ahead: ClaimsAhead, heard: Any) -> None:
    ahead.open(4, heard)
    assert ahead.ask() is None


def test_nothing_is_claimed_before_a_session_nor_without_a_noted_name() -> None:
    assert ClaimsAhead(NAMES, lambda: None).ask() is None
    nameless = ClaimsAhead([], lambda: None)
    nameless.open(3, HEARD)
    assert nameless.ask() is None


def test_what_was_granted_is_there_once_and_wakes(ahead: ClaimsAhead, wakes: list[None]) -> None:
    call = asked(ahead)
    ahead.answered(call, reply(call["nonces"][0]), 12.5)
    (found,) = ahead.take()
    assert (found.nonce, found.grant["sub_agent_id"], found.sent_at) == (
        call["nonces"][0],
        f"of-{call['nonces'][0]}",
        12.5,
    )
    assert len(wakes) == 1
    assert ahead.take() == []


@pytest.mark.parametrize("answer", [{}, {"granted": None}, {"granted": []}, {"granted": "x"}, {"granted": [{}]}])
def test_an_answer_without_grants_settles_its_nonces(ahead: ClaimsAhead, wakes: list[None], answer: Any) -> None:
    ahead.answered(asked(ahead), answer, 0.0)
    assert (ahead.take(), wakes, asked(ahead)["again"]) == ([], [], [])


def test_an_unusable_grant_spoils_no_other(ahead: ClaimsAhead) -> None:
    call = asked(ahead)
    rows = reply(*call["nonces"][:2])["granted"]
    del rows[0]["grant"]["script_content"]
    ahead.answered(call, {"granted": rows}, 0.0)
    assert taken(ahead) == [call["nonces"][1]]


def test_a_call_that_failed_is_asked_again_until_it_is_answered(ahead: ClaimsAhead) -> None:
    lost = asked(ahead)
    ahead.failed(lost)
    second = asked(ahead)
    assert second["again"] == lost["nonces"]
    ahead.answered(second, reply(lost["nonces"][2]), 0.0)
    assert taken(ahead) == [lost["nonces"][2]]
    assert asked(ahead)["again"] == [nonce for nonce in lost["nonces"] if nonce != lost["nonces"][2]]


def test_it_is_asked_again_only_for_a_while(ahead: ClaimsAhead, clock: Clock) -> None:
    lost = asked(ahead)
    ahead.failed(lost)
    clock.now += ASKED_AGAIN_SECONDS - 1
    assert asked(ahead)["again"] == lost["nonces"]
    clock.now += 1
    call = asked(ahead)
    assert call["again"] == []
    ahead.answered(call, reply(lost["nonces"][0]), 0.0)  # it may have been taken back by now
    assert ahead.take() == []


def test_however_many_calls_fail_no_more_is_asked_than_a_server_takes(ahead: ClaimsAhead, clock: Clock) -> None:
    for _ in range(30):
        clock.now += 1
        fail(ahead, [asked(ahead), asked(ahead)])
    call = asked(ahead)
    assert len(call["again"]) == MOST_AGAIN
    assert len(call["again"]) + len(call["nonces"]) <= MOST_AGAIN + AT_ONCE
    fail(ahead, [call, *(asked(ahead) for _ in range(4))])
    assert len(asked(ahead)["again"]) == MOST_AGAIN
    clock.now += ASKED_AGAIN_SECONDS
    assert len(asked(ahead)["nonces"]) == AT_ONCE


def test_many_that_are_under_way_at_once_fail_together(ahead: ClaimsAhead) -> None:
    calls = [asked(ahead) for _ in range(12)]
    fail(ahead, calls)
    again = asked(ahead)["again"]
    assert len(again) == MOST_AGAIN
    assert again[-AT_ONCE:] == calls[-1]["nonces"]


def test_a_grant_that_comes_twice_is_taken_up_once(ahead: ClaimsAhead) -> None:
    """Two calls asked for it again: by the time of the second answer it may have run and be forgotten."""
    lost = asked(ahead)
    ahead.failed(lost)
    second, third = asked(ahead), asked(ahead)
    ahead.answered(second, reply(lost["nonces"][0]), 0.0)
    assert taken(ahead) == lost["nonces"][:1]
    ahead.answered(third, reply(lost["nonces"][0]), 0.0)
    assert ahead.take() == []


def test_the_same_nonce_twice_in_one_answer(ahead: ClaimsAhead) -> None:
    call = asked(ahead)
    ahead.answered(call, reply(call["nonces"][0], call["nonces"][0]), 0.0)
    assert taken(ahead) == call["nonces"][:1]


def test_a_nonce_that_nobody_asked_for(ahead: ClaimsAhead) -> None:
    ahead.answered(asked(ahead), reply(f"{NAMES[-1]}-99", "x" * 32), 0.0)
    assert ahead.take() == []


def test_of_a_call_that_was_sent_twice_the_first_answer_may_be_lost(ahead: ClaimsAhead) -> None:
    call = asked(ahead)
    ahead.answered(call, reply(call["nonces"][0]), 0.0, is_doubled=True)
    assert taken(ahead) == call["nonces"][:1]
    assert asked(ahead)["again"] == call["nonces"][1:]


def test_closed_is_closed_until_it_is_opened(ahead: ClaimsAhead) -> None:
    assert ahead.close()
    assert ahead.ask() is None
    ahead.open(4, HEARD)
    assert asked(ahead)["epoch"] == 4


def test_closing_waits_for_what_is_under_way(ahead: ClaimsAhead) -> None:
    call, closed = asked(ahead), []
    closing = threading.Thread(target=lambda: closed.append(ahead.close()))
    closing.start()
    closing.join(0.05)
    assert closing.is_alive()
    assert ahead.ask() is None
    ahead.answered(call, reply(call["nonces"][0]), 0.0)
    closing.join(20)
    assert (closed, taken(ahead)) == ([True], call["nonces"][:1])


def test_closing_waits_for_every_call(ahead: ClaimsAhead) -> None:
    first, second = asked(ahead), asked(ahead)
    ahead.failed(first)
    assert not ahead.close(0.0)
    ahead.failed(second)
    assert ahead.close(0.0)


def test_what_was_not_answered_is_not_settled_by_closing(ahead: ClaimsAhead) -> None:
    lost = asked(ahead)
    ahead.failed(lost)
    assert not ahead.close()
    assert ahead.close()  # said once: who was told opens a session
    ahead.open(4, HEARD)
    assert asked(ahead)["again"] == []


def test_an_answer_that_comes_after_all_is_dropped(ahead: ClaimsAhead, wakes: list[None]) -> None:
    """The inventory did not list it, and so it was taken back."""
    call = asked(ahead)
    assert not ahead.close(0.0)
    ahead.open(4, HEARD)
    ahead.answered(call, reply(call["nonces"][0]), 0.0)
    assert (ahead.take(), wakes, asked(ahead)["again"]) == ([], [], [])


def test_a_late_failure_is_not_asked_again(ahead: ClaimsAhead) -> None:
    call = asked(ahead)
    ahead.close(0.0)
    ahead.failed(call)
    ahead.open(4, HEARD)
    assert asked(ahead)["again"] == []


def test_no_call_no_answer(ahead: ClaimsAhead) -> None:
    ahead.answered(None, reply("x"), 0.0)
    ahead.failed(None)
    assert ahead.take() == []
    assert ahead.close(0.0)
