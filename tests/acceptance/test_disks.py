"""Full disks on either side, and damaged files on a host: results are kept, gaps are told, nothing is guessed."""

import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.processes import parent_of, script_pid
from tests.acceptance.test_output_limits import check_what_is_kept, kept, log_of
from tests.running import AgentProcess, Nightshift
from tests.small_disk import fill, resize, small_disk
from tests.waiting import wait_until

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300)]

MIB = 1 << 20
STEADY = """#!/usr/bin/env python3
import os, pathlib, random, sys, time
body = random.Random(7).randbytes((1 << 20) - 16)
for number in range({mib}):
    block = b"%015d\\n" % number + body
    while block:
        block = block[os.write(1, block):]
    time.sleep({pause})
    while number % 20 == 19 and not pathlib.Path("{go}-%d" % number).exists():
        time.sleep(0.02)
sys.exit(7)
"""


def of_host(agent: AgentProcess) -> list[Path]:
    return sorted((agent.state_dir / "sub_agents").glob("[0-9a-f]*"))


@pytest.mark.matrix(35)
def test_the_servers_disk_for_output_is_full(idle_nightshift: Nightshift, tmp_path: Path) -> None:
    server = idle_nightshift
    server.settings |= {"LOG_MAX_MIB": "0", "LOG_MIN_FREE_MIB": "1"}
    server.start()
    with small_disk(server.data_dir / "logs" / "tasks", 8) as disk:
        server.start_agent()
        task_id = server.submit(STEADY.format(mib=19, pause=0, go=""))
        task = server.wait_for(task_id, "failed")
        assert task["exit_code"] == 7, "the result waits for no disk"
        wait_until(lambda: log_of(server, task_id)["size"] > 5 * MIB, what="the disk to fill up")
        assert log_of(server, task_id)["state"] == "draining"
        assert has_banner(server)
        other = server.submit("echo small; exit 3\n")
        assert server.wait_for(other, "failed")["exit_code"] == 3
        resize(disk, 64)
        server.wait_for_log(task_id)
        log = log_of(server, task_id)
        assert (log["state"], log["size"], log["gaps"]) == ("complete", 19 * MIB, [])
        check_what_is_kept(server, task_id, log)
        server.wait_for_log(other)
        assert server.log(other) == b"small\n"
        shutil.copytree(disk, tmp_path / "kept")
    shutil.copytree(tmp_path / "kept", server.data_dir / "logs" / "tasks", dirs_exist_ok=True)


def has_banner(server: Nightshift) -> bool:
    """As somebody sees it who is signed in."""
    page = server.http.get(server.sign_in_link(), timeout=30)
    return "disk for output is full" in page.text


@pytest.mark.matrix(33)
def test_a_host_whose_disk_is_full_gets_no_work(nightshift: Nightshift, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 32) as disk:
        full = nightshift.start_agent(state_dir=disk / "state", name="full")
        fill(disk, leave_bytes=1 * MIB)
        other = nightshift.start_agent(name="roomy")
        task_id = nightshift.submit("echo here\n")
        task = nightshift.wait_for(task_id, "completed")
        assert task["agent_name"] == "roomy"
        for agent in (full, other):
            agent.stop()


@pytest.mark.matrix(34)
@pytest.mark.parametrize("is_server_away", [pytest.param(False, marks=pytest.mark.slow), True])
def test_a_hosts_disk_fills_up_while_a_script_writes(
    idle_nightshift: Nightshift, tmp_path: Path, is_server_away: bool
) -> None:
    """More than the disk holds is written, with the server and without it."""
    server = idle_nightshift
    server.settings |= {"AGENT_MIN_FREE_DISK_MIB": "16", "LOG_MAX_MIB": "0"}
    server.start()
    with small_disk(tmp_path / "disk", 32) as disk:
        agent = server.start_agent(state_dir=disk / "state")
        go = server.folder / "go"
        task_id = server.submit(STEADY.format(mib=45, pause=0.2 if is_server_away else 0.02, go=go))
        server.wait_for(task_id, "running")
        if is_server_away:
            server.kill_server()
            for number in (19, 39):
                Path(f"{go}-{number}").touch()
            folder = of_host(agent)[0]
            wait_until(lambda: (folder / "exit.json").exists(), 60, "the result on the host")
            server.start()
        else:
            for number in (19, 39):
                wait_until(lambda mib=number + 1: log_of(server, task_id)["size"] == mib * MIB, 60, "the output so far")  # type: ignore[misc]
                Path(f"{go}-{number}").touch()
        task = server.wait_for(task_id, "failed", seconds=90)
        assert (task["end_reason"], task["exit_code"]) == ("exit", 7), "the script noticed the disk"
        server.wait_for_log(task_id, seconds=90)
        log = log_of(server, task_id)
        assert (log["state"], log["size"]) == ("complete", 45 * MIB)
        assert {gap["reason"] for gap in log["gaps"]} == ({"spool_full"} if is_server_away else set())
        assert kept(log)[-1][1] == 45 * MIB, "the newest is missing"
        check_what_is_kept(server, task_id, log)
        agent.stop()


@pytest.mark.matrix(40)
def test_what_is_damaged_on_a_host_is_told_and_never_guessed(fresh_nightshift: Nightshift) -> None:
    """Ended while nobody could hear it; then both agents die, and files are cut, spoiled and removed."""
    server = fresh_nightshift
    agent = server.start_agent()
    go = server.folder / "go"
    script = f"printf '%01000d' 1\nwhile [ ! -e {go} ]; do sleep 0.05; done\nprintf '%01000d' 2\n"
    cut, spoiled, removed = (server.submit(script, cpu_cores=0.1) for _ in range(3))
    for task_id in (cut, spoiled, removed):
        server.wait_for(task_id, "running")
    server.kill_server()
    folders = {task_id: folder_of(agent, task_id) for task_id in (cut, spoiled, removed)}
    holders = [parent_of(script_pid(agent, task_id) or 0) for task_id in folders]
    agent.kill()
    go.touch()
    for folder in folders.values():
        wait_until(lambda folder=folder: (folder / "exit.json").exists(), what="the results on the host")  # type: ignore[misc]
    for pid in holders:
        os.kill(pid, signal.SIGKILL)
    with (folders[cut] / "out").open("r+b") as file:
        file.truncate(1500)
    (folders[spoiled] / "exit.json").write_bytes(b"{" + b"\0" * 50)
    (folders[removed] / "exit.json").unlink()
    server.start()
    server.start_agent(state_dir=agent.state_dir, name="again", wait=False)
    assert server.wait_for(cut)["status"] == "completed"
    server.wait_for_log(cut)
    log = log_of(server, cut)
    assert log["gaps"] == [{"start": 1500, "stop": 2000, "reason": "spool_lost"}]
    assert server.log(cut) == b"0" * 999 + b"1" + b"0" * 500
    for task_id, words in ((spoiled, "record of its end is damaged"), (removed, "ended unexpectedly")):
        task: dict[str, Any] = server.wait_for(task_id)
        assert (task["status"], task["end_reason"], task["exit_code"]) == ("failed", "sub_lost", None)
        assert words in task["end_sentence"]
        server.wait_for_log(task_id)
        assert len(server.log(task_id)) == 2000


def folder_of(agent: AgentProcess, task_id: int) -> Path:
    return next(path for path in of_host(agent) if f'"task_id": {task_id},' in (path / "assignment.json").read_text())
