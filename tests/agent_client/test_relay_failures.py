"""The relay when the server refuses, is busy or away, and when it may not speak for somebody: nobody goes unheard."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from agent_client.http import NetworkFailure, ProtocolError
from agent_client.main_agent.context import Context
from agent_client.sub_agent.carrier import Carrier
from tests.agent_client import faults
from tests.agent_client.fake_server import FakeServer, Handler
from tests.agent_client.main_agent_process import make_context
from tests.agent_client.relays import FINISH, MAIN_AGENT, Gate, carrier, credentials, report, running_relay
from tests.waiting import wait_until


@pytest.fixture
def context(server: FakeServer, tmp_path: Path) -> Context:
    return make_context(server, tmp_path)


@pytest.mark.parametrize(
    "fault",
    [
        faults.coded(413, "too_large"),
        faults.coded(400, "bad_message"),
        faults.coded(426, "version_too_old"),
        faults.unauthorized,
    ],
)
def test_a_refused_request_is_said_again_by_each_for_itself(
    fault: Any, server: FakeServer, context: Context, carriers: Callable[[str], Carrier]
) -> None:
    with running_relay(context):
        server.fail_next(fault)
        report(carriers("a"), finish=FINISH)
        report(carriers("a"))
    assert server.faults_served == 1
    assert credentials(server)[-2:] == [f"SubAgent a:{'token-of-the-sub-agent'}"] * 2
    assert server.sub_agent("a").finish == FINISH


@pytest.mark.parametrize("fault", [faults.turned_away, faults.coded(503, "busy")])
def test_a_busy_server_is_not_asked_once_more_without_the_relay(
    fault: Any, server: FakeServer, context: Context, carriers: Callable[[str], Carrier]
) -> None:
    with running_relay(context):
        server.fail_next(fault)
        with pytest.raises(ProtocolError) as busy:
            report(carriers("a"))
        assert (busy.value.status, busy.value.code) == (503, "busy")
        assert busy.value.retry_in_seconds is not None
        assert (busy.value.retry_in_seconds >= 600.0) == (fault is faults.turned_away)
        report(carriers("a"))
    assert credentials(server) == [MAIN_AGENT]


@pytest.mark.parametrize("fault", [faults.drop_request, faults.bad_gateway, faults.truncated, faults.not_json])
def test_without_an_answer_of_the_server_both_ways_are_tried(
    fault: Any, server: FakeServer, context: Context, carriers: Callable[[str], Carrier]
) -> None:
    with running_relay(context):
        with server.failing(fault):
            for _ in range(4):
                with pytest.raises(NetworkFailure):
                    report(carriers("a"))
        server.calls.clear()
        for _ in range(2):
            report(carriers("a"))
    assert [used.partition(" ")[0] for used in credentials(server)] == ["Agent", "Agent"]


def test_a_main_agent_that_alone_does_not_reach_the_server_is_gone_around(
    server: FakeServer, context: Context, carriers: Callable[[str], Carrier], monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(entries: Any, ahead: Any) -> Any:
        raise NetworkFailure("Too many open files")

    with running_relay(context) as loop:
        monkeypatch.setattr(loop.plain._http, "report_entries", unreachable)
        with pytest.raises(NetworkFailure):
            report(carriers("a"))
        for _ in range(3):
            report(carriers("a"))
    assert [used.partition(" ")[0] for used in credentials(server)] == ["SubAgent"] * 3


def test_all_that_a_busy_server_sent_away_come_again_together(
    server: FakeServer, context: Context, carriers: Callable[[str], Carrier], monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float | None] = []
    gate = Gate()

    def sent_away(one: Carrier) -> None:
        with pytest.raises(ProtocolError) as busy:
            report(one)
        waits.append(busy.value.retry_in_seconds)

    with running_relay(context) as loop, ThreadPoolExecutor(3) as pool, server.failing(gate):
        first = pool.submit(report, carriers("first"))
        assert gate.is_asked.wait(20)
        others = [pool.submit(sent_away, carriers(name)) for name in "ab"]
        wait_until(lambda: len(loop.plain._waiting) == 2)
        server.fail_next(faults.turned_away)
        gate.opens.set()
        for one in (first, *others):
            one.result()
    assert waits[0] is not None
    assert waits == [waits[0]] * 2


def test_a_server_that_answers_too_few_is_asked_by_each_for_itself(
    server: FakeServer, context: Context, carriers: Callable[[str], Carrier]
) -> None:
    def too_few(handler: Handler) -> bool:
        reply = handler.dispatch()
        reply.body["replies"] = []
        handler.answer(reply)
        return True

    with running_relay(context):
        server.fail_next(too_few)
        report(carriers("a"))
    assert [used.partition(" ")[0] for used in credentials(server)] == ["Agent", "SubAgent"]


def test_another_servers_sub_agents_and_hands_off(
    server: FakeServer, context: Context, tmp_path: Path, carriers: Callable[[str], Carrier]
) -> None:
    stranger = carrier(server.url, tmp_path, "old", "another-instance")
    with running_relay(context):
        with pytest.raises(NetworkFailure, match="another server"):
            report(stranger)  # it has asked by itself
        context.is_quarantined = True
        report(carriers("a"))
    stranger.close()
    assert [used.partition(" ")[0] for used in credentials(server)] == ["SubAgent", "SubAgent"]
