"""nightshift cancel."""

import json

from tests.agent_client.cli.conftest import Nightshift
from tests.agent_client.cli.fake_api import FakeApi


def test_cancels_each_with_the_reason(connected: FakeApi, nightshift: Nightshift) -> None:
    connected.add_task()
    connected.add_task(status="running")
    result = nightshift("cancel", "1", "#2", "--reason", "wrong data", "--now")
    assert result == (0, "1 canceled\n2 is being canceled\n", "")
    for task_id in (1, 2):
        body = connected.called("POST", f"/api/tasks/{task_id}/cancel/")[0].body
        assert body == {"reason": "wrong data", "kill_now": True}


def test_one_refusal_does_not_keep_the_others(connected: FakeApi, nightshift: Nightshift) -> None:
    connected.add_task(status="completed")
    connected.add_task()
    result = nightshift("cancel", "1", "7", "2", "--json")
    assert result.status == 1
    assert [task["id"] for task in json.loads(result.out)] == [2]
    assert "task 1: Task 1 has ended already" in result.err
    assert "there is no task 7" in result.err


def test_a_lost_reply_is_not_repeated(connected: FakeApi, nightshift: Nightshift) -> None:
    connected.add_task(status="running")
    connected.drop_next = 1
    assert nightshift("cancel", "1").status == 3
    assert len(connected.called("POST", "/api/tasks/1/cancel/")) == 1


def test_bad_id_is_named(connected: FakeApi, nightshift: Nightshift) -> None:
    result = nightshift("cancel", "1", "twelve")
    assert result.status == 2
    assert "'twelve' is not a task id" in result.err
    assert not connected.calls
