"""The kill ladder by its own clock: what it sends, when, and what it says of processes that will not die."""

import signal
from dataclasses import dataclass, field

import pytest

from agent_client.process import ladder as ladder_module
from agent_client.process import proc
from agent_client.process.cgroup.group import NO_GROUP
from agent_client.process.ladder import Ladder, Progress
from agent_client.process.proc import ProcessStat

SCRIPT_PID = 500


def member(pid: int, group_id: int = SCRIPT_PID) -> ProcessStat:
    return ProcessStat(pid, "S", 1, group_id, group_id, 1000 + pid, 0.0, 0)


@dataclass
class Host:
    """A host whose processes and signals are only written down. Stands in for the family, too."""

    now: float = 0.0
    living: list[ProcessStat] = field(default_factory=list)
    sent: list[tuple[int, str]] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)  # by the process group
    group = NO_GROUP

    def members(self) -> list[ProcessStat]:
        return list(self.living)

    def clock(self) -> float:
        return self.now


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Host:
    host = Host()
    monkeypatch.setattr(
        ladder_module.signals, "send_to_group", lambda group, number: host.heard.append(number.name) or True
    )
    monkeypatch.setattr(
        ladder_module.signals, "send", lambda pid, ticks, number: host.sent.append((pid, number.name)) or True
    )
    monkeypatch.setattr(proc, "descendants", lambda pid: host.living)
    return host


@pytest.fixture
def ladder(host: Host) -> Ladder:
    return Ladder(SCRIPT_PID, host, host.clock)  # type: ignore[arg-type]


def test_a_living_script_is_left_alone(host: Host, ladder: Ladder) -> None:
    host.living = [member(SCRIPT_PID)]
    for host.now in (0.0, 1e6):
        assert ladder.step(script_ended=False, has_children=True) is Progress.WAITING
    assert (host.heard, host.sent) == ([], [])


def test_an_end_without_children_needs_no_signal(host: Host, ladder: Ladder) -> None:
    assert ladder.step(script_ended=True, has_children=False) is Progress.GONE
    assert (host.heard, host.sent) == ([], [])


def test_stop_asks_waits_and_kills(host: Host, ladder: Ladder) -> None:
    host.living = [member(SCRIPT_PID)]
    ladder.stop(10.0)
    assert host.heard == ["SIGTERM", "SIGCONT"]
    host.now = 9.9
    assert ladder.step(False, True) is Progress.WAITING
    assert ladder.sent_signals == ["TERM"]
    host.now = 10.0
    assert ladder.step(False, True) is Progress.WAITING
    assert ladder.sent_signals == ["TERM", "KILL"]
    assert host.heard[-1] == "SIGKILL"
    host.living = []
    assert ladder.step(True, False) is Progress.WAITING  # one empty scan could have missed a fork
    assert ladder.step(True, False) is Progress.GONE


def test_a_later_stop_only_shortens_the_grace(host: Host, ladder: Ladder) -> None:
    host.living = [member(SCRIPT_PID)]
    ladder.stop(10.0)
    ladder.stop(300.0)
    host.now = 10.0
    ladder.step(False, True)
    assert host.heard.count("SIGTERM") == 1
    assert "KILL" in ladder.sent_signals


def test_leftovers_get_a_second_before_they_are_killed(host: Host, ladder: Ladder) -> None:
    host.living = [member(7, group_id=7)]
    assert ladder.step(True, True) is Progress.WAITING
    assert host.sent == [(7, "SIGTERM"), (7, "SIGCONT")]
    host.now = 0.9
    ladder.step(True, True)
    assert len(host.sent) == 2
    host.now = 1.0
    ladder.step(True, True)
    assert host.sent[-1] == (7, "SIGKILL")
    assert ladder.leftovers == 1
    assert ladder.sent_signals == []  # nothing was sent to the script


def test_who_was_asked_with_the_group_is_not_asked_twice(host: Host, ladder: Ladder) -> None:
    host.living = [member(7), member(8, group_id=8)]
    ladder.stop(30.0)
    ladder.step(True, True)
    assert host.sent == [(8, "SIGTERM"), (8, "SIGCONT")]


def test_unkillable_after_a_minute_with_pids(host: Host, ladder: Ladder) -> None:
    host.living = [member(SCRIPT_PID), member(7)]
    ladder.stop(0.0)
    while (progress := ladder.step(False, True)) is Progress.WAITING:
        host.now += 0.5
        assert host.now < 100
    assert progress is Progress.STUCK
    assert host.now == pytest.approx(ladder_module.UNKILLABLE_SECONDS, abs=2.0)
    assert [stat.pid for stat in ladder.survivors] == [SCRIPT_PID, 7]


def test_rounds_are_quick_at_first_and_then_rare(host: Host, ladder: Ladder) -> None:
    host.living = [member(SCRIPT_PID)]
    ladder.stop(0.0)
    ladder.step(False, True)
    assert ladder.is_quick
    for _ in range(30):
        ladder.step(False, True)
    assert not ladder.is_quick
    assert len([number for _, number in host.sent if number == signal.SIGKILL.name]) == ladder_module.QUICK_ROUNDS
