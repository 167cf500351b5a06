"""nightshift wait: exits like the task."""

import json
import signal

import pytest

from agent_client.cli.exit_status import of_task
from tests.agent_client.cli.conftest import Nightshift, Started
from tests.agent_client.cli.fake_api import FakeApi
from tests.waiting import wait_until


@pytest.mark.parametrize(
    ("values", "status"),
    [
        ({"status": "completed", "exit_code": 0}, 0),
        ({"status": "failed", "end_reason": "exit", "exit_code": 3}, 3),
        ({"status": "failed", "end_reason": "signal", "exit_signal": 11}, 139),
        ({"status": "failed", "end_reason": "timeout", "exit_signal": 15}, 124),
        ({"status": "failed", "end_reason": "oom", "exit_signal": 9}, 137),
        ({"status": "failed", "end_reason": "host_lost"}, 1),
        ({"status": "failed", "end_reason": "disk_full", "exit_code": 0}, 1),
        ({"status": "canceled", "exit_signal": 15}, 130),
    ],
)
def test_exit_status(values: dict, status: int) -> None:
    assert of_task(values) == status


def test_several_exit_like_the_first_that_did_not_complete(connected: FakeApi, nightshift: Nightshift) -> None:
    connected.add_task(status="completed")
    connected.add_task(status="failed", end_reason="exit", exit_code=5, end_sentence="exit code 5")
    connected.add_task(status="canceled")
    result = nightshift("wait", "1,2", "3", "--json")
    assert result.status == 5
    assert [task["id"] for task in json.loads(result.out)] == [1, 2, 3]
    assert "task 2: exit code 5" in result.err


def test_waits_for_the_end(connected: FakeApi, started: Started) -> None:
    connected.add_task(status="running")
    process = started("wait", "last")
    wait_until(lambda: connected.called("GET", "/api/tasks/wait/"), what="the wait")
    assert process.poll() is None
    connected.change(1, status="completed")
    assert process.wait(timeout=20) == 0


def test_several_are_told_as_they_end(connected: FakeApi, started: Started) -> None:
    for _ in range(3):
        connected.add_task(status="running")
    process = started("wait", "1,2,3")
    assert process.stderr is not None
    for task_id in (2, 3, 1):
        connected.change(task_id, status="completed")
        assert process.stderr.readline() == b"nightshift: task %d: completed\n" % task_id
    assert process.wait(timeout=20) == 0


def test_waits_through_a_restart_of_the_server(connected: FakeApi, started: Started) -> None:
    connected.add_task(status="running")
    process = started("wait", "1")
    wait_until(lambda: connected.called("GET", "/api/tasks/1/"), what="the first look")
    connected.stop()
    assert process.stderr is not None
    assert b"trying again" in process.stderr.readline()
    connected.change(1, status="completed")
    connected.restart()
    assert process.wait(timeout=30) == 0


def test_gives_up_after_the_timeout(connected: FakeApi, nightshift: Nightshift) -> None:
    connected.add_task(status="running")
    result = nightshift("wait", "1", "--timeout", "1s")
    assert result.status == 124
    assert "the task goes on" in result.err


def test_unknown_task_is_no_waiting(connected: FakeApi, nightshift: Nightshift) -> None:
    result = nightshift("wait", "9")
    assert result.status == 1
    assert "task 9" in result.err


def test_interrupt_leaves_the_task_alone(connected: FakeApi, started: Started) -> None:
    connected.add_task(status="running")
    process = started("wait", "1")
    wait_until(lambda: connected.called("GET", "/api/tasks/1/"), what="the first look")
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=20) == 130
    assert not connected.called("POST", "/api/tasks/1/cancel/")
