"""Claims ahead where no work is taken any more: what was granted is started, what may have been is settled first."""

import threading
from pathlib import Path

import pytest

from agent_client.main_agent.beat_loop import BeatLoop
from agent_client.main_agent.context import Context
from agent_client.main_agent.loops import Ended
from tests.agent_client import faults
from tests.agent_client.ahead.conftest import NAME
from tests.agent_client.beats import launched, turns
from tests.agent_client.fake_server import FakeServer, Handler
from tests.agent_client.main_agent_process import for_path, grant_of, make_context, place

GRANT = grant_of()


def test_a_draining_host_claims_nothing_ahead_and_starts_what_it_was_granted(
    server: FakeServer, context: Context, loop: BeatLoop
) -> None:
    asked = context.ahead.ask()
    assert asked is not None
    context.ahead.answered(asked, {"granted": [{"nonce": asked["nonces"][0], "grant": {**GRANT}}]}, 0.0)
    context.wish.drain.set()
    place(server, "s2")
    loop.turn()
    assert (server.heartbeats[-1]["claims_ahead"], server.heartbeats[-1]["ending"]) == (None, "")
    assert (launched(context), server.ahead.by_nonce) == (["s1"], {})


def test_before_it_ends_a_drained_host_settles_what_may_have_been_granted(
    server: FakeServer, context: Context, loop: BeatLoop
) -> None:
    place(server)
    with server.failing(for_path("/heartbeat", faults.drop_reply)):
        loop.turn()
    context.wish.drain.set()
    with pytest.raises(Ended):
        turns(loop, 4)
    assert (server.never_arrived, launched(context), len(server.sessions)) == (["s1"], [], 2)
    assert server.heartbeats[-1]["ending"]


def test_asked_to_end_it_settles_what_may_have_been_granted(
    server: FakeServer, context: Context, loop: BeatLoop
) -> None:
    asked = context.ahead.ask()
    context.ahead.failed(asked)
    server.wants_end = True
    with pytest.raises(Ended):
        turns(loop, 4)
    assert len(server.sessions) == 2
    assert server.heartbeats[-1]["ending"]


def test_asked_to_end_it_starts_what_another_call_is_granted(
    server: FakeServer, context: Context, loop: BeatLoop
) -> None:
    asked = context.ahead.ask()
    assert asked is not None
    server.wants_end = True
    ends: list[Exception] = []

    def last() -> None:
        try:
            loop.turn()
        except Ended as end:
            ends.append(end)

    ending = threading.Thread(target=last)
    ending.start()
    ending.join(0.1)
    assert ending.is_alive()
    context.ahead.answered(asked, {"granted": [{"nonce": asked["nonces"][0], "grant": {**GRANT}}]}, 0.0)
    ending.join(20)
    assert (len(ends), launched(context)) == (1, ["s1"])


def test_where_the_disk_is_full_nothing_is_claimed_ahead(server: FakeServer, tmp_path: Path) -> None:
    context = make_context(server, tmp_path, min_free_disk_mib=1 << 40)
    context.incarnations.append(NAME)
    turns(BeatLoop(context), 3)
    assert [beat["claims_ahead"] for beat in server.heartbeats] == [None, None]


def test_one_that_could_not_be_noted_tells_of_those_before_it(server: FakeServer, tmp_path: Path) -> None:
    """As after a start on a full disk: what they were granted and never got is not lost."""
    context = make_context(server, tmp_path)
    context.earlier_incarnations.append(NAME)
    turns(BeatLoop(context), 3)
    assert [session["incarnations"] for session in server.sessions] == [[NAME]]
    assert [beat["claims_ahead"] for beat in server.heartbeats] == [None, None]


def test_hands_off_is_hands_off(server: FakeServer, context: Context, loop: BeatLoop) -> None:
    context.is_quarantined = True
    beats = len(server.heartbeats)
    with server.failing(for_path("/heartbeat", _quarantined)):
        turns(loop)
    assert [beat["claims_ahead"] for beat in server.heartbeats[beats:]] == [None, None]
    context.epoch = None
    loop.turn()
    assert (server.sessions[-1]["incarnations"], server.sessions[-1]["inventory_complete"]) == ([], False)


def _quarantined(handler: Handler) -> bool:
    reply = handler.dispatch()
    reply.body["quarantined"] = True
    handler.answer(reply)
    return True
