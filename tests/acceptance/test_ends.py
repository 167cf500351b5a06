"""How scripts end: exit codes, signals, limits, cancels, families that resist. Result right, nothing left behind."""

import json

import pytest

from tests.acceptance.processes import is_running, script_pid, with_variable
from tests.running import AgentProcess, Nightshift
from tests.waiting import wait_until

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def agent(nightshift: Nightshift) -> AgentProcess:
    return nightshift.start_agent()


def running_pid(nightshift: Nightshift, agent: AgentProcess, task_id: int) -> int:
    nightshift.wait_for(task_id, "running")
    pid = wait_until(lambda: script_pid(agent, task_id), 10, "the script to have a process")
    assert pid is not None
    return pid


def test_exit_code_result_and_execution_time(nightshift: Nightshift, agent: AgentProcess) -> None:
    task_id = nightshift.submit('echo \'{"loss": 0.25}\' > "$TASK_RESULT"\nsleep 0.2\nexit 3\n')
    task = nightshift.wait_for(task_id)
    assert (task["status"], task["exit_code"], task["end_reason"]) == ("failed", 3, "exit")
    assert task["result"] == {"loss": 0.25}
    assert task["execution_time"] > 0.1  # counted from when the sub agent saw it start
    assert task["end_sentence"] == "Exit code 3."


def test_one_that_ignores_term_is_killed_after_its_grace(nightshift: Nightshift, agent: AgentProcess) -> None:
    script = "trap '' TERM\necho ready\nwhile true; do sleep 0.1; done\n"
    task_id = nightshift.submit(script, grace_seconds=1)
    pid = running_pid(nightshift, agent, task_id)
    wait_until(lambda: nightshift.log(task_id) == b"ready\n", 10, "the script to be ready")
    nightshift.post(f"/api/tasks/{task_id}/cancel/", {"reason": "enough"})
    task = nightshift.wait_for(task_id)
    assert (task["status"], task["exit_signal"]) == ("canceled", 9)
    assert not is_running(pid)


def test_one_that_tidies_up_on_term(nightshift: Nightshift, agent: AgentProcess) -> None:
    script = "trap 'echo saved; exit 0' TERM\necho ready\nwhile true; do sleep 0.1; done\n"
    task_id = nightshift.submit(script)
    running_pid(nightshift, agent, task_id)
    wait_until(lambda: nightshift.log(task_id) == b"ready\n", 10, "the script to be ready")
    nightshift.post(f"/api/tasks/{task_id}/cancel/")
    assert nightshift.wait_for(task_id)["status"] == "canceled"
    nightshift.wait_for_log(task_id)
    assert nightshift.log(task_id).endswith(b"saved\n")


def test_one_that_forks_a_daemon_and_exits(nightshift: Nightshift, agent: AgentProcess) -> None:
    """The daemon has left the session, the group and holds the output open; it ends with its task."""
    script = "echo begin\nsetsid bash -c 'echo daemon; sleep 600' &\nsleep 0.3\necho end\n"
    task_id = nightshift.submit(script, environment={"WITNESS": "a-daemon"})
    task = nightshift.wait_for(task_id, seconds=20)
    assert (task["status"], task["exit_code"]) == ("completed", 0)
    nightshift.wait_for_log(task_id)
    assert nightshift.log(task_id) == b"begin\ndaemon\nend\n"
    wait_until(lambda: not with_variable("WITNESS", "a-daemon"), 10, "the daemon to be gone")


def test_the_time_limit(nightshift: Nightshift, agent: AgentProcess) -> None:
    task_id = nightshift.submit("sleep 600\n", time_limit_seconds=1)
    task = nightshift.wait_for(task_id, seconds=30)
    assert (task["status"], task["end_reason"]) == ("failed", "timeout")
    assert "time limit of 1 s" in task["end_sentence"]


def test_a_signal_from_elsewhere(nightshift: Nightshift, agent: AgentProcess) -> None:
    task = nightshift.wait_for(nightshift.submit("kill -SEGV $$\n"))
    assert (task["status"], task["end_reason"], task["exit_signal"]) == ("failed", "signal", 11)


def test_a_folder_that_is_not_there(nightshift: Nightshift, agent: AgentProcess) -> None:
    task = nightshift.wait_for(nightshift.submit("true\n", working_directory="/no/such/folder"))
    assert (task["status"], task["end_reason"]) == ("failed", "spawn_error")
    assert "/no/such/folder" in task["end_sentence"]


def test_cancel_while_it_waits_never_starts_it(nightshift: Nightshift, agent: AgentProcess) -> None:
    first = nightshift.submit("sleep 2\n")
    second = nightshift.submit("echo never\n", depends_on=[first])
    nightshift.post(f"/api/tasks/{second}/cancel/")
    assert nightshift.wait_for(first)["status"] == "completed"
    task = nightshift.task(second)
    assert (task["status"], task["attempt_no"]) == ("canceled", 0)


def test_a_retry_gets_the_next_attempt_number(nightshift: Nightshift, agent: AgentProcess) -> None:
    task_id = nightshift.submit('echo "attempt $TASK_ATTEMPT"\ntest "$TASK_ATTEMPT" = 2\n', retries=2)
    task = nightshift.wait_for(task_id)
    assert (task["status"], task["attempt_no"], task["retries_used"]) == ("completed", 2, 1)
    nightshift.wait_for_log(task_id)
    assert nightshift.log(task_id) == b"attempt 2\n"


def test_the_environment_of_a_script(nightshift: Nightshift, agent: AgentProcess) -> None:
    script = "#!/usr/bin/env python3\nimport json, os\nprint(json.dumps(dict(os.environ)))\n"
    task_id = nightshift.submit(script, environment={"MINE": "€ two\nlines"}, name="what it sees")
    assert nightshift.wait_for(task_id)["status"] == "completed"
    nightshift.wait_for_log(task_id)
    seen = json.loads(nightshift.log(task_id))
    assert seen["MINE"] == "€ two\nlines"
    assert (seen["TASK_ID"], seen["TASK_ATTEMPT"], seen["TASK_NAME"]) == (str(task_id), "1", "what it sees")
    assert (seen["CUDA_VISIBLE_DEVICES"], seen["CUDA_DEVICE_ORDER"]) == ("", "PCI_BUS_ID")
    assert (seen["PYTHONUNBUFFERED"], seen["SLURM_JOB_ID"]) == ("1", str(task_id))
    assert not [name for name in seen if name.startswith(("NIGHTSHIFT_", "DJANGO_"))]
