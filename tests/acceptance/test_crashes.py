"""kill -9 of server, main agent and sub agent while scripts run: nothing lost, nothing doubled, no wrong state."""

import os
import signal

import pytest

from tests.acceptance.processes import is_running, parent_of, script_pid, with_variable
from tests.running import AgentProcess, Nightshift
from tests.waiting import wait_until

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(240)]

COUNT = "for i in $(seq 1 {lines}); do echo line $i; sleep 0.05; done\necho end; exit {code}\n"
COUNT_UNTIL_TOLD = "until [ -e {told} ]; do echo line $((++i)); sleep 0.05; done\necho end $i\n"


def expected(lines: int) -> bytes:
    return b"".join(b"line %d\n" % number for number in range(1, lines + 1)) + b"end\n"


def started(nightshift: Nightshift, agent: AgentProcess, script: str, **fields: object) -> tuple[int, int]:
    """Task id and the process of its script, which has begun to write."""
    task_id = nightshift.submit(script, **fields)
    nightshift.wait_for(task_id, "running")
    wait_until(lambda: nightshift.log(task_id), 20, "the first output")
    pid = script_pid(agent, task_id)
    assert pid is not None
    return task_id, pid


def assert_ended_right(nightshift: Nightshift, task_id: int, lines: int, code: int) -> None:
    task = nightshift.wait_for(task_id, seconds=90)
    assert (task["exit_code"], task["attempt_no"]) == (code, 1)
    nightshift.wait_for_log(task_id)
    assert nightshift.log(task_id) == expected(lines)


def test_kill_9_of_the_server_in_the_middle(fresh_nightshift: Nightshift) -> None:
    nightshift = fresh_nightshift
    agent = nightshift.start_agent()
    first, pid = started(nightshift, agent, COUNT.format(lines=100, code=5))
    second = nightshift.submit("echo second\n", depends_on=[{"id": first, "kind": "afterany"}])
    nightshift.kill_server()
    assert is_running(pid)
    nightshift.restart()
    assert script_pid(agent, first) == pid
    assert_ended_right(nightshift, first, 100, 5)
    assert nightshift.wait_for(second)["status"] == "completed"


@pytest.mark.matrix(13)
def test_a_script_that_ends_while_the_server_is_away(fresh_nightshift: Nightshift) -> None:
    nightshift = fresh_nightshift
    agent = nightshift.start_agent()
    task_id, pid = started(nightshift, agent, COUNT.format(lines=30, code=7))
    nightshift.kill_server()
    wait_until(lambda: not is_running(pid), 30, "the script to end")
    nightshift.restart()
    assert_ended_right(nightshift, task_id, 30, 7)


def expected_until_told(log: bytes) -> bytes:
    """The whole output of `COUNT_UNTIL_TOLD`, of as many lines as the last line of `log` says."""
    words = log.split(b"\n")[-2].split()
    assert words[0] == b"end"
    lines = int(words[1])
    return b"".join(b"line %d\n" % number for number in range(1, lines + 1)) + b"end %d\n" % lines


@pytest.mark.matrix(15)
def test_kill_9_of_the_server_again_and_again(fresh_nightshift: Nightshift) -> None:
    nightshift = fresh_nightshift
    agent = nightshift.start_agent()
    told = nightshift.folder / "told"
    task_id, _ = started(nightshift, agent, COUNT_UNTIL_TOLD.format(told=told))
    others = [nightshift.submit(f"echo {number}\n", cpu_cores=0.1) for number in range(10)]
    for _ in range(3):
        nightshift.kill_server()
        nightshift.restart()
        size = len(nightshift.log(task_id))
        wait_until(lambda: len(nightshift.log(task_id)) > size, 60, "output to go on")  # noqa: B023
    told.touch()
    task = nightshift.wait_for(task_id, seconds=90)
    assert (task["exit_code"], task["attempt_no"]) == (0, 1)
    nightshift.wait_for_log(task_id)
    log = nightshift.log(task_id)
    assert log == expected_until_told(log)
    for number, other in enumerate(others):
        assert nightshift.wait_for(other)["status"] == "completed"
        nightshift.wait_for_log(other)
        assert nightshift.log(other) == b"%d\n" % number


@pytest.mark.matrix(7)
def test_kill_9_of_the_main_agent(fresh_nightshift: Nightshift) -> None:
    nightshift = fresh_nightshift
    agent = nightshift.start_agent()
    task_id, pid = started(nightshift, agent, COUNT.format(lines=100, code=0))
    agent.kill()
    again = nightshift.start_agent(name="host-1", state_dir=agent.state_dir)
    assert script_pid(again, task_id) == pid
    assert is_running(pid)
    assert_ended_right(nightshift, task_id, 100, 0)


@pytest.mark.matrix(6)
def test_kill_9_of_the_sub_agent_ends_the_script_and_says_so(fresh_nightshift: Nightshift) -> None:
    nightshift = fresh_nightshift
    agent = nightshift.start_agent()
    family = "setsid sleep 600 &\nfor i in 1 2 3; do sleep 600 & done\n(sleep 600; true) &\n"
    script = family + COUNT.format(lines=1000, code=0)
    task_id, pid = started(nightshift, agent, script, environment={"WITNESS": "sub-agent"})
    os.kill(parent_of(pid), signal.SIGKILL)
    task = nightshift.wait_for(task_id, seconds=30)
    assert (task["status"], task["end_reason"]) == ("failed", "sub_lost")
    wait_until(lambda: not with_variable("WITNESS", "sub-agent"), 20, "its whole family to be gone")
    nightshift.wait_for_log(task_id)
    log = nightshift.log(task_id)
    assert log
    assert expected(1000).startswith(log)


@pytest.mark.matrix(8)
def test_a_script_that_ends_while_the_main_agent_is_away(fresh_nightshift: Nightshift) -> None:
    nightshift = fresh_nightshift
    agent = nightshift.start_agent()
    first, pid = started(nightshift, agent, COUNT.format(lines=30, code=0))
    witness = nightshift.folder / "witness"
    second = nightshift.submit(f"echo ran >>{witness}\n", depends_on=[{"id": first, "kind": "afterok"}])
    agent.kill()
    wait_until(lambda: not is_running(pid), 30, "the script to end")
    nightshift.start_agent(name="host-1", state_dir=agent.state_dir)
    assert_ended_right(nightshift, first, 30, 0)
    assert nightshift.wait_for(second)["status"] == "completed"
    assert witness.read_text() == "ran\n"


@pytest.mark.matrix(9)
def test_kill_9_of_everything(fresh_nightshift: Nightshift) -> None:
    nightshift = fresh_nightshift
    agent = nightshift.start_agent()
    task_id, pid = started(nightshift, agent, COUNT.format(lines=1000, code=0))
    nightshift.kill_server()
    agent.kill()
    os.kill(parent_of(pid), signal.SIGKILL)
    wait_until(lambda: not is_running(pid), 20, "the kernel to end the script")
    nightshift.restart()
    nightshift.start_agent(name="host-1", state_dir=agent.state_dir)
    task = nightshift.wait_for(task_id, seconds=60)
    assert (task["status"], task["end_reason"]) == ("failed", "sub_lost")
    assert nightshift.task(nightshift.submit("true\n"))["status"] != "failed"
