"""nightshift hold, and release --task."""

import json

from tests.agent_client.cli.conftest import Nightshift
from tests.agent_client.cli.fake_api import FakeApi


def test_holds_and_releases_each(connected: FakeApi, nightshift: Nightshift) -> None:
    connected.add_task()
    connected.add_task()
    assert nightshift("hold", "1", "#2", "--reason", "wrong data") == (0, "1 held\n2 held\n", "")
    assert connected.called("POST", "/api/tasks/2/hold/")[0].body == {"reason": "wrong data"}
    assert nightshift("release", "--task", "1,2") == (0, "1 released\n2 released\n", "")
    assert len(connected.called("POST", "/api/tasks/1/release/")) == 1


def test_one_refusal_does_not_keep_the_others(connected: FakeApi, nightshift: Nightshift) -> None:
    connected.add_task(status="completed")
    connected.add_task()
    result = nightshift("hold", "1", "2", "--json")
    assert result.status == 1
    assert [task["id"] for task in json.loads(result.out)] == [2]
    assert "task 1: Task 1 has ended already" in result.err
