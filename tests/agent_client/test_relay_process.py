"""The relay between real processes: sub agents use it, outlive it, and come back to it."""

import os
import signal
import threading
from pathlib import Path

from tests.agent_client.fake_server import FakeServer, Handler
from tests.agent_client.main_agent_process import AgentProcess, assign, end_everything, running_agent
from tests.waiting import wait_until

LONG = "echo here\nwhile [ ! -e {ends} ]; do sleep 0.02; done\necho there\n"


def reporters(server: FakeServer) -> list[str]:
    with server.lock:
        return [call.authorization.partition(" ")[0] for call in server.calls if call.path.endswith("/report")]


def test_short_scripts_need_no_connection_of_their_own(server: FakeServer, tmp_path: Path) -> None:
    with running_agent(server, tmp_path / "state") as agent:
        for number in range(3):
            assign(server, f"s{number}", "echo done")
        wait_until(lambda: all(server.sub_agent(f"s{number}").is_complete for number in range(3)))
        assert (tmp_path / "state" / "relay").is_socket()
        assert agent.end(signal.SIGTERM) == 0
    assert set(reporters(server)) == {"Agent"}
    assert not (tmp_path / "state" / "relay").exists()


def test_a_sub_agent_outlives_the_relay_and_comes_back_to_the_next(server: FakeServer, tmp_path: Path) -> None:
    ends = tmp_path / "ends"
    with running_agent(server, tmp_path / "state") as agent:
        assign(server, "s1", LONG.format(ends=ends))
        wait_until(lambda: server.sub_agent("s1").started is not None)
        agent.process.kill()
        agent.process.wait()
        server.calls.clear()
        wait_until(lambda: "SubAgent" in reporters(server), what="a direct report")
        assert "Agent" not in reporters(server)
        with running_agent(server, tmp_path / "state"):
            server.calls.clear()
            wait_until(lambda: "Agent" in reporters(server), what="a relayed report")
            ends.touch()
            wait_until(lambda: server.sub_agent("s1").is_complete)
    assert bytes(server.sub_agent("s1").stream("out").content) == b"here\nthere\n"


def test_a_result_does_not_wait_for_a_beat_that_hangs(server: FakeServer, tmp_path: Path) -> None:
    ends, opens, is_held = tmp_path / "ends", threading.Event(), threading.Event()

    def hold_beats(handler: Handler) -> bool:
        if b'"started":null' in handler.raw and b'"finish":null' in handler.raw:
            is_held.set()
            opens.wait(30)
        return False

    with running_agent(server, tmp_path / "state"), server.failing(hold_beats):
        assign(server, "s1", LONG.format(ends=ends))
        assert is_held.wait(20)
        ends.touch()
        wait_until(lambda: server.sub_agent("s1").finish is not None, 10, "the result")
        opens.set()
        wait_until(lambda: server.sub_agent("s1").is_complete)


def test_a_frozen_main_agent_holds_no_result_up(server: FakeServer, tmp_path: Path) -> None:
    ends = tmp_path / "ends"
    with running_agent(server, tmp_path / "state") as agent:
        assign(server, "s1", LONG.format(ends=ends))
        wait_until(lambda: server.sub_agent("s1").started is not None)
        os.kill(agent.process.pid, signal.SIGSTOP)
        try:
            ends.touch()
            wait_until(lambda: server.sub_agent("s1").is_complete, 10, "the result")
        finally:
            os.kill(agent.process.pid, signal.SIGCONT)
    assert reporters(server)[-1] == "SubAgent"


def test_a_main_agent_that_has_no_room_for_a_socket_works_all_the_same(server: FakeServer, tmp_path: Path) -> None:
    (tmp_path / "state" / "relay").mkdir(parents=True)
    with running_agent(server, tmp_path / "state") as agent:
        assign(server, "s1", "echo done")
        wait_until(lambda: server.sub_agent("s1").is_complete)
        assert agent.process.poll() is None
        assert "no_relay" in agent.stderr
    assert set(reporters(server)) == {"SubAgent"}
    assert isinstance(agent, AgentProcess)
    end_everything(agent)
