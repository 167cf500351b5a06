"""Scripts that fork, eat, close and delete what they can: the agents go on, and nothing of the script is left."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from agent_client.sub_agent.limits import noted_group
from tests.agent_client.fake_server import FakeServer
from tests.agent_client.families.groups import FOUND, MEMORY, limits, needs_memory, needs_pids, own_group
from tests.agent_client.main_agent_process import assign, running_agent
from tests.agent_client.sub_agents import make_folder, processes_of, start_sub_agent
from tests.waiting import wait_until

EAT = "python3 -c 'x = bytearray(400 << 20)'"
HIDE_PROC = (
    "import ctypes; libc = ctypes.CDLL(None); assert libc.unshare(0x20000) == 0; "
    "assert libc.mount(b'none', b'/', None, 0x44000, None) == 0; "
    "assert libc.mount(b'none', b'/proc', b'tmpfs', 0, None) == 0"
)
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may stage this")


@pytest.mark.matrix(46)
@needs_pids
def test_a_fork_bomb_meets_its_limit_and_the_agent_beats_on(server: FakeServer, tmp_path: Path) -> None:
    bomb = "bomb() { bomb | bomb & }; bomb; while :; do sleep 1; done"
    server.next_in_seconds = 0.2
    with running_agent(server, tmp_path / "state", "--max-processes", "60") as agent:
        assign(server, script=bomb)
        group = wait_until(lambda: (g := noted_group(agent.folder())).paths and g, what="its control group")
        wait_until(lambda: group.refused_forks() > 0, what="a fork to be refused")
        assert len(group.pids()) <= 60
        beats = len(server.heartbeats)
        wait_until(lambda: len(server.heartbeats) > beats + 3, 30, "the main agent to beat on")
        server.directives.append(
            {"kind": "stop", "sub_agent_id": "s1", "fence": 7, "reason": "cancel", "kill_now": True}
        )
        wait_until(lambda: server.sub_agent("s1").finish, 30, "the end of the family")
        assert group.pids() == frozenset()
        wait_until(lambda: not any(path.exists() for path in group.paths.values()), what="its control group to go")
    finish = server.sub_agent("s1").finish
    assert finish is not None
    assert finish["reason"] == "cancel"


@pytest.mark.matrix(47)
@needs_memory
def test_the_kernel_ends_the_script_for_memory_and_not_the_agent(server: FakeServer, tmp_path: Path) -> None:
    """As on a host that runs out: one limit over the sub agent and its script, and the kernel chooses."""
    with own_group(MEMORY) as host:
        (host / "memory.limit_in_bytes").write_text(str(150 << 20))
        join = f"open({str(host / 'cgroup.procs')!r}, 'w').write('0')"
        with start_sub_agent(server, tmp_path, f"echo up; exec {EAT}", join) as running:
            finish = running.wait_delivered()
    assert (finish["reason"], finish["signal"]) == ("oom", 9)
    assert running.seen.output() == b"up\n"


@pytest.mark.matrix(47)
@needs_memory
def test_what_was_asked_for_can_be_a_limit(server: FakeServer, tmp_path: Path) -> None:
    roots = {**FOUND.as_json(), "memory": str(MEMORY)}
    host_limits = {**limits(enforce_memory=True), "cgroups": roots}
    with start_sub_agent(server, tmp_path, f"exec {EAT}", host_limits=host_limits, memory_mib=100) as running:
        finish = running.wait_delivered()
        leaf = noted_group(running.folder).paths["memory"]
    assert (finish["reason"], finish["signal"]) == ("oom", 9)
    assert not leaf.exists()


@pytest.mark.matrix(48)
def test_beats_come_within_the_lease_while_every_core_is_taken(server: FakeServer, tmp_path: Path) -> None:
    hogs = f"for i in $(seq {2 * (os.cpu_count() or 1)}); do nice -n -5 yes >/dev/null 2>&1 & done; echo up; wait"
    server.next_in_seconds = 0.2
    with running_agent(server, tmp_path / "state"):
        assign(server, script=hogs)
        wait_until(lambda: b"up" in server.sub_agent("s1").output(), 30, "the hogs")
        for _ in range(5):
            beats = len(server.heartbeats)
            wait_until(lambda beats=beats: len(server.heartbeats) > beats, 6, "a beat before the host is suspect")
        server.directives.append(
            {"kind": "stop", "sub_agent_id": "s1", "fence": 7, "reason": "cancel", "kill_now": True}
        )
        wait_until(lambda: server.sub_agent("s1").finish, 30, "the end")


@pytest.mark.matrix(53)
def test_a_script_that_closes_all_its_descriptors_runs_to_its_end(server: FakeServer, tmp_path: Path) -> None:
    with start_sub_agent(server, tmp_path, "exec 0<&- 1>&- 2>&-; sleep 0.2; exit 7") as running:
        finish = running.wait_delivered()
    assert (finish["reason"], finish["exit_code"], running.seen.output()) == ("exit", 7, b"")


@pytest.mark.matrix(54)
def test_a_script_that_reads_finds_the_end_of_its_input_at_once(server: FakeServer, tmp_path: Path) -> None:
    with start_sub_agent(server, tmp_path, "read line && exit 1; echo end of input; exit 6") as running:
        finish = running.wait_delivered()
    assert (finish["exit_code"], running.seen.output()) == (6, b"end of input\n")


@pytest.mark.matrix(57)
def test_a_script_that_removes_its_directory_and_the_sub_agents_keeps_its_result(
    server: FakeServer, tmp_path: Path
) -> None:
    work = tmp_path / "work"
    work.mkdir()
    script = 'echo before; until rm -rf "$PWD" "$SPOOL" 2>/dev/null; do :; done; echo after; exit 4'
    folder = tmp_path / "sub-1"
    changes = {"working_directory": str(work), "environment": {"SPOOL": str(folder)}}
    with start_sub_agent(server, tmp_path, script, **changes) as running:
        wait_until(lambda: running.seen.finish, 30, "the result")
        assert not work.exists()
    assert running.seen.finish is not None
    assert running.seen.finish["exit_code"] == 4
    assert running.seen.output() == b"before\nafter\n"


@pytest.mark.matrix(58)
@needs_root
def test_a_stranger_with_the_same_pid_gets_no_signal(tmp_path: Path) -> None:
    """In a pid name space of its own, where the next pid can be chosen."""
    folder = make_folder(tmp_path)
    words = ["unshare", "--pid", "--fork", "--mount-proc", sys.executable, "-c", REUSE, str(folder.path)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.split() == ["same", "False", "alive", "alive"], done.stderr


REUSE = """
import subprocess, sys
from pathlib import Path
from agent_client.process import proc, signals
from agent_client.sub_agent.aftermath import bury
from agent_client.sub_agent_dir import SubAgentDir
from tests.waiting import wait_until
import signal

folder = SubAgentDir(Path(sys.argv[1]))
first = subprocess.Popen(["sleep", "300"], start_new_session=True)
old = proc.read_stat(first.pid)
started = {"pid": old.pid, "pid_start_ticks": old.start_ticks, "sid": old.pid, "boot_id": proc.boot_id(), "cookie": "c"}
folder.write_started(started)
folder.write_family(frozenset({(old.pid, old.start_ticks)}))
first.kill()
first.wait()
own = lambda: int(float(Path("/proc/uptime").read_text().split()[0]) * proc.TICKS_PER_SECOND)
wait_until(lambda: own() > old.start_ticks + 2, what="the clock to pass the old start")
Path("/proc/sys/kernel/ns_last_pid").write_text(str(old.pid - 1))
stranger = subprocess.Popen(["sleep", "300"], start_new_session=True)
print("same" if stranger.pid == old.pid else "other")
print(signals.send(stranger.pid, old.start_ticks, signal.SIGKILL))
state = lambda: "dead" if proc.read_stat(stranger.pid).is_dead else "alive"
print(state())
bury(folder, "sub_lost", "The sub agent died.")
print(state())
stranger.kill()
"""


@pytest.mark.matrix(62)
@needs_root
def test_where_proc_is_hidden_scripts_run_and_are_ended_and_usage_is_unknown(
    server: FakeServer, tmp_path: Path
) -> None:
    with start_sub_agent(server, tmp_path, "echo up; sleep 300 & wait", HIDE_PROC) as running:
        running.wait_output(b"up")
        wait_until(lambda: running.seen.usages, 20, "a report of its usage")
        running.seen.stop = {"reason": "cancel", "grace_seconds": 0.5, "kill_now": False}
        finish = running.wait_delivered()
    assert finish["reason"] == "cancel"
    assert all(usage["memory_mib"] is None and usage["processes"] is None for usage in running.seen.usages)
    assert processes_of(running.folder) == []
