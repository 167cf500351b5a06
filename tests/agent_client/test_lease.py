"""The lease of a failover task: counted from the sending, never shorter, over when in doubt."""

from pathlib import Path
from typing import Any

import pytest

from agent_client.http import AgentHttp, NetworkFailure, ProtocolError
from agent_client.retry import BASE_SECONDS
from agent_client.sub_agent.delivery import LEASED_CAP_SECONDS, Delivery
from agent_client.sub_agent.finish import never_ran
from agent_client.sub_agent.lease import FILE, Lease
from agent_client.sub_agent_dir import SubAgentDir
from tests.agent_client.sub_agents import make_folder


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def granted(folder: Path, clock: Clock, sent_at: float = 1000.0, stop: float = 30.0, kill: float = 20.0) -> Lease:
    lease = Lease(folder, clock)
    lease.renew(sent_at, {"stop_after_seconds": stop, "kill_within_seconds": kill})
    return lease


def test_a_task_without_a_lease_has_none(tmp_path: Path, clock: Clock) -> None:
    assert Lease.of(tmp_path, clock) is None
    granted(tmp_path, clock)
    assert Lease.of(tmp_path, clock) is not None


def test_it_counts_from_the_sending_of_what_was_answered(tmp_path: Path, clock: Clock) -> None:
    lease = granted(tmp_path, clock, sent_at=990.0)
    clock.now = 1019.9
    assert lease.overdue_seconds() is None
    clock.now = 1020.5
    assert lease.overdue_seconds() == 0.5
    assert Lease(tmp_path, clock).overdue_seconds() == 0.5


def test_an_older_answer_does_not_shorten_it(tmp_path: Path, clock: Clock) -> None:
    lease = granted(tmp_path, clock)
    lease.renew(990.0, {"stop_after_seconds": 30.0, "kill_within_seconds": 20.0})
    clock.now = 1025.0
    assert lease.overdue_seconds() is None


def test_the_main_agent_leaves_the_sub_agent_half_of_the_time_to_kill(tmp_path: Path, clock: Clock) -> None:
    lease = granted(tmp_path, clock)
    clock.now = 1030.0
    assert (lease.grace_seconds(5.0), lease.grace_seconds(300.0), lease.must_be_killed()) == (5.0, 10.0, False)
    clock.now = 1039.0
    assert (lease.grace_seconds(5.0), lease.must_be_killed()) == (1.0, False)
    clock.now = 1040.0
    assert (lease.grace_seconds(5.0), lease.must_be_killed()) == (0.0, True)


@pytest.mark.parametrize("content", ["", "soon later", "1", "1 2 3"])
def test_what_cannot_be_read_is_over(tmp_path: Path, clock: Clock, content: str) -> None:
    (tmp_path / FILE).write_text(content)
    lease = Lease(tmp_path, clock)
    assert lease.overdue_seconds() is not None
    assert lease.must_be_killed()


class Away(AgentHttp):
    def __init__(self, error: Exception) -> None:
        super().__init__("http://127.0.0.1:9", None)
        self._error = error

    def report(self, body: Any) -> Any:
        raise self._error


@pytest.mark.parametrize("error", [
    NetworkFailure("away"),
    NetworkFailure("a proxy says so", 503, retry_after_seconds=600.0),
    NetworkFailure("a proxy's page", 404),
    ProtocolError(401, "unauthorized", "", {}),
    ProtocolError(404, "unknown_sub_agent", "", {}),
])  # fmt: skip
def test_who_has_one_tries_again_long_before_it_ends(tmp_path: Path, clock: Clock, error: Exception) -> None:
    leased, free = make_folder(tmp_path / "leased"), make_folder(tmp_path / "free")
    granted(leased.path, clock)
    assert longest_wait(leased, error) <= LEASED_CAP_SECONDS < longest_wait(free, error)


def test_once_the_result_is_there_it_waits_like_everybody(tmp_path: Path, clock: Clock) -> None:
    folder = make_folder(tmp_path)
    granted(folder.path, clock)
    folder.write_exit(never_ran("sub_lost", "a sentence", folder.sizes(), "2030-01-01T00:00:00Z"))
    assert longest_wait(folder, NetworkFailure("away")) > LEASED_CAP_SECONDS


def test_a_result_does_not_wait_as_long_as_what_failed_before_it(tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    delivery = Delivery(folder, Away(NetworkFailure("away")))
    assert max(delivery.step().next_in_seconds for _ in range(60)) > 10 * BASE_SECONDS
    folder.write_exit(never_ran("sub_lost", "a sentence", folder.sizes(), "2030-01-01T00:00:00Z"))
    assert delivery.step().next_in_seconds <= BASE_SECONDS
    delivery.close()


def longest_wait(folder: SubAgentDir, error: Exception) -> float:
    delivery = Delivery(folder, Away(error))
    try:
        return max(delivery.step().next_in_seconds for _ in range(60))
    finally:
        delivery.close()
