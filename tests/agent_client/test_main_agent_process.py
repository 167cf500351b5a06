"""The main agent as a real process with real scripts: run, crash, restart, stop, and what it refuses."""

import json
import os
import re
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent_client.enrolment import load_identity
from agent_client.main_agent import loops
from agent_client.process.proc import read_stat, start_ticks
from tests.agent_client.fake_server import FakeServer
from tests.agent_client.main_agent_process import TOKEN, AgentProcess, assign, end_everything, running_agent
from tests.waiting import wait_until

TICKER = "echo begin; i=0; while [ ! -e {gate} ]; do i=$((i+1)); sleep 0.05; done; echo end; exit 5"

MACHINE = """
cpu_cores = 64
memory_mib = 1000
gpus = [{ name = "A", memory_mib = 10 }, { name = "B", memory_mib = 20 }]
"""


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer() as server:
        server.next_in_seconds = 0.3
        yield server


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    """The script of `ticker` ends when this file exists."""
    return tmp_path / "gate"


def ticker(gate: Path) -> str:
    return TICKER.format(gate=gate)


def wait_started(server: FakeServer, sub_agent_id: str = "s1") -> int:
    started = wait_until(lambda: server.sub_agent(sub_agent_id).started, what="the script to start")
    return int(started["pid"])


def wait_complete(server: FakeServer, sub_agent_id: str = "s1") -> dict[str, object]:
    wait_until(lambda: server.sub_agent(sub_agent_id).is_complete, what="result and output")
    finish = server.sub_agent(sub_agent_id).finish
    assert finish is not None
    return finish


def wait_gone(agent: AgentProcess) -> None:
    wait_until(lambda: not list(agent.sub_agents.iterdir()), what="the folders to be removed")


def test_a_script_runs_and_nothing_is_left(server: FakeServer, state: Path) -> None:
    with running_agent(server, state) as agent:
        assign(server, script="echo out; echo err >&2; exit 3")
        finish = wait_complete(server)
        assert (finish["reason"], finish["exit_code"]) == ("exit", 3)
        assert server.sub_agent("s1").output() == b"out\nerr\n"
        wait_gone(agent)
        assert agent.end(signal.SIGTERM) == 0
        assert agent.stderr.rstrip().endswith("nightshift agent: main agent stopped, no script is running.")


def test_the_log_names_task_and_sub_agent_and_holds_no_secret(server: FakeServer, state: Path) -> None:
    with running_agent(server, state, "--log-format", "json", NIGHTSHIFT_AGENT_TOKEN=TOKEN) as agent:
        assign(server, task_id=42, name="a\x1b[2Jb")
        wait_complete(server)
        wait_until(lambda: '"removed"' in agent.stderr, what="the last event")
        events = [json.loads(line) for line in agent.stderr.splitlines()]
    for name in ("claimed", "launched", "removed"):
        (event,) = [event for event in events if event["event"] == name]
        assert (event["sub_agent_id"], event["task_id"], event["host"]) == ("s1", 42, socket.gethostname())
    for secret in (TOKEN, "secret-agent-1", "sub-agent-token", "\x1b"):
        assert secret not in agent.stderr


def test_scripts_do_not_see_the_agents_settings_or_priority(server: FakeServer, state: Path) -> None:
    with running_agent(server, state, NIGHTSHIFT_AGENT_ZONE="z"):
        assign(
            server, script="env | grep -c NIGHTSHIFT; tr '\\0' '\\n' </proc/$PPID/environ | grep -c NIGHTSHIFT; nice"
        )
        wait_complete(server)
    assert server.sub_agent("s1").output() == f"0\n0\n{os.nice(0)}\n".encode()
    assert server.sessions[0]["host"]["zone"] == "z"


@pytest.mark.matrix(7)
def test_kill_nine_of_the_main_agent_does_not_disturb_a_script(server: FakeServer, state: Path, gate: Path) -> None:
    first = AgentProcess(state, "--server", server.url, NIGHTSHIFT_AGENT_TOKEN=TOKEN)
    try:
        assign(server, script=ticker(gate))
        pid = wait_started(server)
        ticks = start_ticks(pid)
        first.end(signal.SIGKILL)
        assert start_ticks(pid) == ticks
        with running_agent(server, state, NIGHTSHIFT_AGENT_TOKEN="") as second:
            (row,) = server.sessions[-1]["sub_agents"]
            assert (row["sub_agent_id"], row["fence"], row["local_state"]) == ("s1", 7, "running")
            assert start_ticks(pid) == ticks
            gate.touch()
            finish = wait_complete(server)
            assert (finish["reason"], finish["exit_code"]) == ("exit", 5)
            assert server.sub_agent("s1").output() == b"begin\nend\n"
            wait_gone(second)
        assert sum(call.path.endswith("/claim") for call in server.calls) == 1
        assert len(server.agents) == 1  # enrolled once
    finally:
        first.process.kill()
        end_everything(first)


@pytest.mark.matrix(8)
def test_a_script_that_ends_while_the_main_agent_is_away(server: FakeServer, state: Path, gate: Path) -> None:
    first = AgentProcess(state, "--server", server.url, NIGHTSHIFT_AGENT_TOKEN=TOKEN)
    try:
        assign(server, script=ticker(gate))
        wait_started(server)
        first.end(signal.SIGKILL)
        gate.touch()
        assert wait_complete(server)["exit_code"] == 5
        with running_agent(server, state) as second:
            wait_gone(second)
    finally:
        first.process.kill()
        end_everything(first)


@pytest.mark.matrix(6)
def test_a_killed_sub_agent_is_lost_and_its_output_kept(server: FakeServer, state: Path, gate: Path) -> None:
    with running_agent(server, state) as agent:
        assign(server, script=f"setsid sleep 300 & echo kept; {ticker(gate)}")
        pid = wait_started(server)
        wait_until(lambda: agent.folder().sizes().get("out", 0) >= len("kept\nbegin\n"), what="the first output")
        cookie = agent.folder().read_started()["cookie"]  # type: ignore[index]
        agent.kill_sub_agent()
        finish = wait_complete(server)
        assert finish["reason"] == "sub_lost"
        assert "sub agent" in str(finish["detail"])
        assert server.sub_agent("s1").output() == b"kept\nbegin\n"
        assert not is_running(pid)
        assert processes_with(cookie) == []
        wait_gone(agent)


def is_running(pid: int) -> bool:
    """A zombie that nobody has waited for yet runs nothing."""
    stat = read_stat(pid)
    return stat is not None and not stat.is_dead


def processes_with(cookie: str) -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            found += [str(path)] if cookie.encode() in path.read_bytes() else []
        except OSError:
            continue
    return found


@pytest.mark.matrix(9)
def test_both_killed_at_once_is_found_at_the_next_start(server: FakeServer, state: Path, gate: Path) -> None:
    first = AgentProcess(state, "--server", server.url, NIGHTSHIFT_AGENT_TOKEN=TOKEN)
    try:
        assign(server, script=ticker(gate))
        pid = wait_started(server)
        first.end(signal.SIGKILL)
        first.kill_sub_agent()
        wait_until(lambda: not is_running(pid), what="the script to die with its sub agent")
        with running_agent(server, state) as second:
            assert wait_complete(server)["reason"] == "sub_lost"
            wait_gone(second)
    finally:
        first.process.kill()
        end_everything(first)


@pytest.mark.matrix(10)
def test_a_result_of_a_dead_sub_agent_is_delivered_with_its_true_exit_code(
    server: FakeServer, state: Path, gate: Path
) -> None:
    with running_agent(server, state) as agent:
        assign(server, script=ticker(gate))
        wait_started(server)
        server.stop()
        gate.touch()
        wait_until(lambda: agent.folder().read_exit(), what="the exit record")
        agent.kill_sub_agent()
        server.start()
        finish = wait_complete(server)
        assert (finish["reason"], finish["exit_code"]) == ("exit", 5)
        assert server.sub_agent("s1").output() == b"begin\nend\n"
        wait_gone(agent)


@pytest.mark.matrix(59)
def test_a_rebooted_host_says_so(server: FakeServer, state: Path, gate: Path) -> None:
    first = AgentProcess(state, "--server", server.url, NIGHTSHIFT_AGENT_TOKEN=TOKEN)
    try:
        assign(server, script=ticker(gate))
        wait_started(server)
        first.end(signal.SIGKILL)
        first.kill_sub_agent()
        folder = first.folder()
        started = folder.read_started()
        assert started is not None
        folder.write_started({**started, "boot_id": "0" * 36})
        with running_agent(server, state):
            assert wait_complete(server)["reason"] == "host_rebooted"
    finally:
        first.process.kill()
        end_everything(first)


def test_a_stop_directive_cancels(server: FakeServer, state: Path, gate: Path) -> None:
    with running_agent(server, state):
        assign(server, script=ticker(gate))
        wait_started(server)
        stop = {"kind": "stop", "sub_agent_id": "s1", "fence": 7, "reason": "cancel"}
        server.directives = [{**stop, "grace_seconds": 5, "kill_now": False}]
        server.doorbell.set()
        finish = wait_complete(server)
        assert (finish["reason"], finish["sent_signals"]) == ("cancel", ["TERM"])


def test_the_doorbell_brings_work_at_once(server: FakeServer, state: Path) -> None:
    server.next_in_seconds = 300.0
    with running_agent(server, state):
        wait_until(lambda: server.heartbeats, what="the first heartbeat")
        assign(server)
        wait_started(server)


def test_term_leaves_scripts_running_and_says_how_many(server: FakeServer, state: Path, gate: Path) -> None:
    first = AgentProcess(state, "--server", server.url, NIGHTSHIFT_AGENT_TOKEN=TOKEN)
    try:
        for sub_agent_id in ("s1", "s2"):
            assign(server, sub_agent_id, script=ticker(gate))
        pids = [wait_started(server, sub_agent_id) for sub_agent_id in ("s1", "s2")]
        assert first.end(signal.SIGINT) == 0
        assert "main agent stopped, 2 scripts run on and will be taken up by the next start." in first.stderr
        assert all(is_running(pid) for pid in pids)
        gate.touch()
        assert [wait_complete(server, sub_agent_id)["exit_code"] for sub_agent_id in ("s1", "s2")] == [5, 5]
    finally:
        first.process.kill()
        end_everything(first)


def test_one_state_directory_one_agent(server: FakeServer, state: Path) -> None:
    with running_agent(server, state) as agent:
        other = AgentProcess(state, "--server", server.url)
        assert other.process.wait(20) == 3
        assert f"another main agent (pid {agent.process.pid}) is using {state}" in other.stderr


def test_a_server_that_is_away_at_the_start_is_waited_for(server: FakeServer, state: Path) -> None:
    server.stop()
    agent = AgentProcess(state, "--server", server.url, NIGHTSHIFT_AGENT_TOKEN=TOKEN)
    try:
        wait_until(lambda: "server_unreachable" in agent.stderr, what="the agent to say so")
        server.start()
        wait_until(lambda: server.heartbeats, what="the first heartbeat")
        assert agent.stderr.count("event=server_unreachable") == 1
    finally:
        agent.process.kill()
        agent.process.wait()


def test_an_agent_that_waits_for_its_server_ends_at_once(server: FakeServer, state: Path) -> None:
    server.stop()
    agent = AgentProcess(state, "--server", server.url, NIGHTSHIFT_AGENT_TOKEN=TOKEN)
    wait_until(lambda: "server_unreachable" in agent.stderr, what="the agent to say so")
    assert agent.end(signal.SIGTERM) == 0


def test_a_wrong_token_is_refused(server: FakeServer, state: Path, tmp_path: Path) -> None:
    token_file = tmp_path / "token"
    token_file.write_text("wrong\n")
    agent = AgentProcess(state, "--server", server.url, "--token-file", str(token_file))
    assert agent.process.wait(20) == 4
    assert f"refuses the enrolment token of {token_file}: the enrolment token is not known" in agent.stderr
    assert not (state / "agent.json").exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "cannot read the token file"), ("", "holds no token"), ("two words", "does not hold an enrolment token")],
)
def test_a_token_file_that_holds_no_token(state: Path, tmp_path: Path, content: str | None, words: str) -> None:
    token_file = tmp_path / "token"
    if content is not None:
        token_file.write_text(content)
    agent = AgentProcess(state, "--server", "http://127.0.0.1:9", "--token-file", str(token_file))
    assert agent.process.wait(20) == 4
    assert words in agent.stderr


def test_a_first_start_without_a_token_says_what_to_do(state: Path) -> None:
    agent = AgentProcess(state, "--server", "http://127.0.0.1:9")
    assert agent.process.wait(20) == 4
    assert "not enrolled yet" in agent.stderr
    assert "--token-file" in agent.stderr


def test_the_secret_is_private_and_later_starts_need_neither_token_nor_server(server: FakeServer, state: Path) -> None:
    with running_agent(server, state):
        identity = load_identity(state)
        assert identity is not None
        assert identity.agent_secret == "secret-agent-1"
        assert "secret-agent-1" not in repr(identity)
        assert (state / "agent.json").stat().st_mode & 0o777 == 0o600
        assert state.stat().st_mode & 0o777 == 0o700
    again = AgentProcess(state)
    try:
        wait_until(lambda: len(server.sessions) == 2, what="the session of the second start")
    finally:
        again.process.kill()
        again.process.wait()


def test_a_secret_that_others_can_read_is_refused(server: FakeServer, state: Path) -> None:
    with running_agent(server, state):
        pass
    (state / "agent.json").chmod(0o644)
    agent = AgentProcess(state, "--server", server.url)
    assert agent.process.wait(20) == 2
    assert f"{state}/agent.json has mode 0644, but it holds a secret: chmod 600" in agent.stderr


def test_a_damaged_identity_is_refused(state: Path) -> None:
    state.mkdir()
    (state / "agent.json").write_text('{"agent_id": "a"}')
    (state / "agent.json").chmod(0o600)
    agent = AgentProcess(state)
    assert agent.process.wait(20) == 2
    assert "server_url is missing" in agent.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [(("--log-format", "xml"), "--log-format must be one of"), (("--declare", "/no"), "cannot read /no")],
)
def test_wrong_settings_are_refused(state: Path, words: tuple[str, ...], message: str) -> None:
    agent = AgentProcess(state, "--server", "http://127.0.0.1:9", *words, NIGHTSHIFT_AGENT_TOKEN=TOKEN)
    assert agent.process.wait(20) == 2
    assert message in agent.stderr


def test_a_declared_machine_gives_its_cards_to_scripts(server: FakeServer, state: Path, tmp_path: Path) -> None:
    machine = tmp_path / "machine.toml"
    machine.write_text(MACHINE)
    with running_agent(server, state, "--declare", str(machine)):
        resources = server.sessions[0]["resources"]
        assert (resources["is_declared"], resources["cpu_cores"], resources["gpu_state"]) == (True, 64.0, "ready")
        card = resources["gpus"][1]
        grant = {"index": 1, "uuid": card["uuid"], "memory_mib": 20, "is_shared": False}
        assign(server, script='echo "$CUDA_VISIBLE_DEVICES $CUDA_DEVICE_ORDER"', gpus=[grant])
        wait_complete(server)
        assert server.sub_agent("s1").output() == b"1 PCI_BUS_ID\n"


def test_many_short_scripts_all_arrive(server: FakeServer, state: Path) -> None:
    names = [f"s{number}" for number in range(20)]
    with running_agent(server, state) as agent:
        for number, name in enumerate(names):
            assign(server, name, script=f"exit {number}", fence=100 + number, task_id=number)
        assert [wait_complete(server, name)["exit_code"] for name in names] == list(range(20))
        wait_gone(agent)
    assert all(server.sub_agent(name).not_started is None for name in names)


def test_every_exit_status_is_in_the_readme() -> None:
    text = (Path(__file__).parents[2] / "agent_client" / "README.md").read_text()
    rows = {int(row) for row in re.findall(r"^\| (\d) \|", text, re.MULTILINE)}
    assert rows == {value for name, value in vars(loops).items() if name.startswith("EXIT_")}
