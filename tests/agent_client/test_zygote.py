"""The zygote and its launcher: warm starts, replacement after a death, the slow path, and what must not be imported."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent_client import zygote
from agent_client.launcher import Launcher, LaunchFailed
from agent_client.process import proc
from agent_client.sub_agent_dir import SubAgentDir
from tests.agent_client.fake_server import FakeServer
from tests.agent_client.sub_agents import make_folder
from tests.waiting import wait_until


@pytest.fixture
def launcher() -> Iterator[Launcher]:
    launcher = Launcher(use_zygote=True)
    launcher.start()
    yield launcher
    launcher.close()


def delivered(folder: SubAgentDir) -> None:
    wait_until(lambda: folder.read_delivered() is not None and not folder.is_alive(), 30, "the end of the sub agent")


def zygote_pid(launcher: Launcher) -> int:
    assert launcher._zygote is not None
    return launcher._zygote.pid


def test_sub_agents_are_forked(server: FakeServer, launcher: Launcher, tmp_path: Path) -> None:
    script = "echo $PPID; while ! [ -e go ]; do sleep 0.05; done; exit {}"
    folders = [
        make_folder(tmp_path, f"sub-{n}", server.url, script_content=script.format(n), working_directory=str(tmp_path))
        for n in range(5)
    ]
    for folder in folders:
        launcher.launch(folder.path)
    wait_until(lambda: all(folder.has_started() for folder in folders), 20, "the start of all")
    (tmp_path / "go").touch()
    for n, folder in enumerate(folders):
        delivered(folder)
        finish = server.sub_agent(f"sub-{n}").finish
        assert finish is not None
        assert finish["exit_code"] == n
    assert len({server.sub_agent(f"sub-{n}").output() for n in range(5)}) == 5  # a process each


def test_sub_agents_outlive_zygote_and_launcher(server: FakeServer, tmp_path: Path) -> None:
    script = "while ! [ -e go ]; do sleep 0.05; done; exit 6"
    folder = make_folder(tmp_path, "sub-1", server.url, script_content=script, working_directory=str(tmp_path))
    launcher = Launcher(use_zygote=True)
    launcher.launch(folder.path)
    wait_until(folder.has_started, 20, "the start")
    launcher.close()
    assert folder.is_alive()
    (tmp_path / "go").touch()
    delivered(folder)
    finish = server.sub_agent("sub-1").finish
    assert finish is not None
    assert finish["exit_code"] == 6


def test_a_zygote_that_died_is_replaced(server: FakeServer, launcher: Launcher, tmp_path: Path) -> None:
    first = zygote_pid(launcher)
    os.kill(first, signal.SIGKILL)
    folder = make_folder(tmp_path, "sub-1", server.url)
    launcher.launch(folder.path)
    delivered(folder)
    assert zygote_pid(launcher) != first


def test_ended_sub_agents_are_reaped(server: FakeServer, launcher: Launcher, tmp_path: Path) -> None:
    for number in range(3):
        folder = make_folder(tmp_path, f"sub-{number}", server.url)
        launcher.launch(folder.path)
        delivered(folder)
    wait_until(lambda: not proc.children(zygote_pid(launcher)), 20, "the zygote to collect its children")


def test_a_folder_that_is_no_sub_agents_ends_quietly(launcher: Launcher, tmp_path: Path) -> None:
    launcher.launch(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    launcher.launch(tmp_path / "empty")
    wait_until(lambda: not proc.children(zygote_pid(launcher)), 10, "both processes to end")
    assert os.kill(zygote_pid(launcher), 0) is None


@pytest.mark.parametrize("setting", ["0", None])
def test_slow_path(server: FakeServer, tmp_path: Path, setting: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    if setting is not None:
        monkeypatch.setenv("NIGHTSHIFT_ZYGOTE", setting)
    launcher = Launcher(use_zygote=False if setting is None else None)
    launcher.start()
    folder = make_folder(tmp_path, "sub-1", server.url, script_content="exit 5")
    launcher.launch(folder.path)
    assert launcher._zygote is None
    delivered(folder)
    finish = server.sub_agent("sub-1").finish
    assert finish is not None
    assert finish["exit_code"] == 5
    launcher.close()


def test_no_python_is_a_failed_launch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no-python"))
    launcher = Launcher(use_zygote=True)
    launcher.start()
    with pytest.raises(LaunchFailed, match="No such file"):
        launcher.launch(tmp_path)


def test_zygote_never_loads_event_loops_or_the_server() -> None:
    code = "import agent_client.zygote, json, sys; print(json.dumps(sorted(sys.modules)))"
    output = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True).stdout
    loaded = {name.split(".")[0] for name in json.loads(output)}
    assert loaded & {"agent_client"}
    assert not loaded & {"asyncio", "django", "scheduler_site", "tasks", "agents", "templates_app"}


def test_zygote_has_one_thread(launcher: Launcher) -> None:
    tasks = Path(f"/proc/{zygote_pid(launcher)}/task")
    assert len(list(tasks.iterdir())) == 1


WATCHED = """
import re._compiler, sys
import agent_client.zygote as zygote
from agent_client.sub_agent.lives import live
run, compiled, compile_pattern = zygote.run, [], re._compiler.compile
def watched(directory, spare):
    before = set(sys.modules)
    re._compiler.compile = lambda pattern, flags=0: compiled.append(str(pattern)) or compile_pattern(pattern, flags)
    try:
        return run(directory, spare)
    finally:
        (directory / "late").write_text(" ".join([*(set(sys.modules) - before), *compiled]))
live.__defaults__ = (watched,)
zygote.main(int(sys.argv[1]))
"""


def test_what_every_sub_agent_needs_is_there_before_the_fork(server: FakeServer, tmp_path: Path) -> None:
    """An import or a pattern afterwards costs each of them memory and time."""
    script = "echo out; echo err >&2; sleep 0.3; exit 3"
    folder = make_folder(tmp_path, "sub-1", server.url, script_content=script, split_output=True, memory_mib=None)
    ours, its = socket.socketpair()
    with ours, its:
        process = subprocess.Popen([sys.executable, "-c", WATCHED, str(its.fileno())], pass_fds=(its.fileno(),))
        its.close()
        ours.sendall(json.dumps({"directory": str(folder.path)}).encode() + b"\n")
        assert b"pid" in ours.recv(1000)
        wait_until((folder.path / "late").exists, 30, "the end of the sub agent")
        delivered(folder)
    process.wait(20)
    assert (folder.path / "late").read_text() == ""


def test_a_folder_that_found_no_process_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its idle sub agent did not take it, and nobody else hears that there was no room for another."""
    ours, its = socket.socketpair()
    server = zygote._Zygote(ours, wake_up=-1)
    monkeypatch.setattr(server._idle, "look", lambda readable: [tmp_path] if readable else [])
    tried: list[Path] = []

    def no_room(directory: Path) -> dict[str, object]:
        tried.append(directory)
        return {"error": "cannot fork"} if len(tried) < 3 else {"pid": 7}

    monkeypatch.setattr(server, "_start", no_room)
    for readable in ([1], [], [], []):
        server._start_left(readable)
    assert tried == [tmp_path] * 3
    server._idle.close()
    server._idle.door.close()
    ours.close()
    its.close()
