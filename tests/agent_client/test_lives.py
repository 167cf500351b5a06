"""A process of a sub agent that takes one folder after the other: who is used again, who not, and nobody notices."""

import logging
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agent_client.launcher import Launcher
from agent_client.process import proc
from agent_client.sub_agent import idle, lives
from agent_client.sub_agent.idle import IdleSubAgents, next_folder
from agent_client.sub_agent.lives import live
from tests.agent_client.fake_server import FakeServer
from tests.agent_client.sub_agents import make_folder
from tests.waiting import wait_until

OF_THE_C_LIBRARY = 0b11 << 31  # signals 32 and 33, which nobody else can set; whatever `make` starts ignores them


@pytest.fixture
def launcher() -> Iterator[Launcher]:
    launcher = Launcher(use_zygote=True)
    launcher.start()
    yield launcher
    launcher.close()


class Host:
    """A launcher, and scripts that it runs one after the other."""

    def __init__(self, server: FakeServer, launcher: Launcher, folder: Path) -> None:
        self._server = server
        self.launcher = launcher
        self._folder = folder
        self._count = 0

    def children(self) -> list[int]:
        assert self.launcher._zygote is not None
        return proc.children(self.launcher._zygote.pid)

    def begin(self, script: str, **changes: Any) -> str:
        self._count += 1
        name = f"sub-{self._count}"
        folder = make_folder(self._folder, name, self._server.url, script_content=script, **changes)
        self.launcher.launch(folder.path)
        return name

    def run(self, script: str, **changes: Any) -> dict[str, Any]:
        """The result, once the process has let go of the folder and is idle."""
        name = self.begin(script, **changes)
        self.wait_end(name)
        finish = self._server.sub_agent(name).finish
        assert finish is not None
        return finish

    def wait_end(self, name: str) -> None:
        wait_until(lambda: (self._folder / name / "delivered.json").exists(), 30, "the end")
        wait_until(lambda: all(is_idle(pid) for pid in self.children()), 20, "processes that are idle")

    def output(self) -> bytes:
        return self._server.sub_agent(f"sub-{self._count}").output()


def is_idle(pid: int) -> bool:
    """It waits at its own line beside the door, a spare child at its pipes. True of one that has ended."""
    try:
        opened = [str(entry.readlink()) for entry in Path(f"/proc/{pid}/fd").iterdir()]
    except OSError:
        return True
    return sorted(path.partition("[")[0] for path in opened) == [*["/dev/null"] * 3, *["pipe:"] * 2, *["socket:"] * 2]


@pytest.fixture
def host(server: FakeServer, launcher: Launcher, tmp_path: Path) -> Host:
    return Host(server, launcher, tmp_path)


def test_a_process_that_has_told_everything_takes_the_next_folder(host: Host) -> None:
    host.run("echo $PPID")
    first = host.output()
    assert host.run("echo $PPID; exit 3")["exit_code"] == 3
    assert host.output() == first


def test_one_that_needed_its_reporter_s_thread_does_so_too(host: Host) -> None:
    host.run("sleep 0.3; echo $PPID")
    first = host.output()
    host.run("sleep 0.3; echo $PPID")
    assert host.output() == first


def test_nobody_is_told_the_memory_and_time_of_an_earlier_script(host: Host) -> None:
    large = f"{sys.executable} -c 'import time; a = bytearray(200 << 20)\nwhile time.process_time() < 0.4: pass'"
    first, second = host.run(large), host.run("true")
    assert (first["peak_memory_mib"] or 0) >= 200
    assert first["cpu_seconds"] >= 0.4
    assert (second["peak_memory_mib"] or 0) < 100
    assert second["cpu_seconds"] < 0.3


def test_what_an_earlier_script_did_is_not_there_for_the_next(host: Host) -> None:
    look = "umask; pwd; ulimit -n; ls /proc/self/fd | wc -l; trap; ps -o pid= --ppid $PPID | wc -l"
    host.run(look)
    before = host.output()
    host.run("cd /; umask 0; ulimit -n 50; trap '' TERM INT; export X=1; exec 7>/dev/null")
    host.run(look)
    assert host.output() == before


def test_an_idle_process_that_was_killed_costs_nothing(host: Host) -> None:
    host.run("true")
    for pid in host.children():
        os.kill(pid, signal.SIGKILL)
    assert host.run("exit 4")["exit_code"] == 4


def test_an_idle_process_that_stands_still_does_not_hold_a_script_up(host: Host) -> None:
    host.run("true")
    (pid,) = host.children()
    os.kill(pid, signal.SIGSTOP)
    try:
        name = host.begin("exit 5")
        wait_until(lambda: host._server.sub_agent(name).is_complete, 20, "the result")
        assert len(host.children()) == 2
    finally:
        os.kill(pid, signal.SIGCONT)
    wait_until(lambda: pid not in host.children(), 10, "its end: the folder is another's")


def test_idle_ones_end_with_the_zygote_and_those_at_work_do_not(host: Host, tmp_path: Path) -> None:
    host.run("true")
    (pid,) = host.children()
    wait = "while ! [ -e go ]; do sleep 0.05; done; exit 6"
    name = host.begin(wait, working_directory=str(tmp_path))
    wait_until(lambda: (tmp_path / name / "started.json").exists(), 20, "the start")
    assert host.children() == [pid]
    zygote = host.launcher._zygote
    assert zygote is not None
    zygote.kill()
    (tmp_path / "go").touch()
    wait_until(lambda: host._server.sub_agent(name).is_complete, 20, "the result")
    wait_until(lambda: proc.read_stat(pid) is None or is_dead(pid), 20, "the end of the process")


def is_dead(pid: int) -> bool:
    stat = proc.read_stat(pid)
    return stat is None or stat.is_dead


def test_idle_ones_end_after_a_while(host: Host) -> None:
    host.run("true")
    assert len(host.children()) == 1
    wait_until(lambda: not host.children(), idle.IDLE_SECONDS + 10, "the end of the idle process")


def test_a_script_that_took_long_ends_its_process(host: Host) -> None:
    name = host.begin(f"sleep {lives.LONGEST_LIFE_SECONDS + 0.2}")
    pids = host.children()
    host.wait_end(name)
    wait_until(lambda: not set(pids) & set(host.children()), 10, "its end")


def leave_descriptor() -> None:
    os.open(os.devnull, os.O_RDONLY)


def leave_thread() -> None:
    threading.Thread(target=threading.Event().wait, daemon=True).start()


def leave_child() -> None:
    subprocess.Popen(["sleep", "60"])


def leave_handler() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def leave_log() -> None:
    logging.getLogger().addHandler(logging.NullHandler())


def leave_folder() -> None:
    os.chdir("/tmp")


def leave_umask() -> None:
    os.umask(0)


def leave_priority() -> None:
    os.nice(1)


def leave_limit() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft - 1, hard))


LEAVE = [
    leave_descriptor,
    leave_thread,
    leave_child,
    leave_handler,
    leave_log,
    leave_folder,
    leave_umask,
    leave_priority,
    leave_limit,
]


@pytest.mark.parametrize("leave", LEAVE)
def test_who_leaves_something_behind_ends(leave: Callable[[], None]) -> None:
    assert in_child(lambda: live(Path("/1"), FakeDoor(), lambda path, spare: leave() or 0)) == 0  # type: ignore[arg-type]


def test_who_leaves_nothing_asks_for_more() -> None:
    assert in_child(lambda: live(Path("/1"), FakeDoor(), lambda path, spare: 0)) == FakeDoor.ASKED  # type: ignore[arg-type]


def test_a_code_that_is_not_0_ends_the_process() -> None:
    assert in_child(lambda: live(Path("/1"), FakeDoor(), lambda path, spare: 4)) == 4  # type: ignore[arg-type]


def test_every_folder_that_is_taken_is_lived(monkeypatch: pytest.MonkeyPatch) -> None:
    given = [Path(f"/{number}") for number in range(2, 6)]
    lived: list[Path] = []
    monkeypatch.setattr(lives, "MOST_LIVES", 3)
    monkeypatch.setattr(lives, "next_folder", lambda door, use_time: given.pop(0))
    monkeypatch.setattr(lives.Traces, "here", lambda: None)
    live(Path("/1"), None, lambda path, spare: lived.append(path) or 0)  # type: ignore[arg-type, func-returns-value]
    assert lived == [Path("/1"), Path("/2"), Path("/3")]
    assert given == [Path("/4"), Path("/5")]


class FakeDoor:
    """Whoever asks here for a folder ends at once."""

    ASKED = 77

    def sendmsg(self, *args: object) -> int:
        os._exit(self.ASKED)


def in_child(work: Callable[[], int]) -> int:
    """What `work` returns in a forked process, with which that ends."""
    pid = os.fork()
    if pid == 0:
        code = 99
        try:
            code = work()
        finally:
            os._exit(code)
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status)


def the_spare(host: Host) -> int:
    (pid,) = host.children()
    (spare,) = proc.children(pid)
    return spare


def test_a_child_waits_for_the_next_script(host: Host) -> None:
    host.run("true")
    spare = the_spare(host)
    host.run("echo $$; grep '^SigIgn:' /proc/self/status")
    pid, _, ignored = host.output().split()
    assert int(pid) == spare
    assert int(ignored, 16) & ~OF_THE_C_LIBRARY == 0


def test_what_a_script_does_to_its_parent_is_not_there_for_the_next(host: Host) -> None:
    host.run("echo $PPID; nice; renice -n 7 -p $PPID >/dev/null")
    first, before = host.output().split()
    host.run("echo $PPID; nice")
    second, after = host.output().split()
    assert first != second
    assert after == before


def test_a_spare_child_that_died_is_not_used(host: Host) -> None:
    host.run("true")
    spare = the_spare(host)
    os.kill(spare, signal.SIGKILL)
    wait_until(lambda: is_dead(spare), 10, "its end")
    assert host.run("exit 7")["exit_code"] == 7


def test_a_spare_child_ends_with_its_sub_agent(host: Host) -> None:
    host.run("true")
    spare, (pid,) = the_spare(host), host.children()
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: is_dead(spare), 10, "its end")


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def room(clock: Clock) -> Iterator[IdleSubAgents]:
    room = IdleSubAgents(clock)
    yield room
    room.close()
    room.door.close()


def come(room: IdleSubAgents, pid: int) -> socket.socket:
    """An idle process shows up; its end of the line."""
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with its:
        socket.send_fds(room.door, [b"%d" % pid], [its.fileno()])
    assert room.look(room.descriptors()[:1]) == []
    ours.settimeout(5)
    return ours


def test_the_last_to_come_goes_first(room: IdleSubAgents) -> None:
    with come(room, 1) as first, come(room, 2) as second:
        assert [room.hand(Path("/a")), room.hand(Path("/b")), room.hand(Path("/c"))] == [2, 1, None]
        assert (first.recv(100), second.recv(100)) == (b"/b", b"/a")
        first.send(idle.TAKEN)
        second.close()
        assert room.look(room.descriptors()) == [Path("/a")]  # it ended without an answer
        assert room.descriptors()[1:] == []


def test_who_does_not_answer_loses_the_folder(room: IdleSubAgents, clock: Clock) -> None:
    with come(room, 1) as slow:
        room.hand(Path("/a"))
        assert room.look([]) == []
        clock.now += idle.TAKE_SECONDS
        assert room.seconds() == 0
        assert room.look([]) == [Path("/a")]
        assert slow.recv(100) == b"/a"
        with pytest.raises(BrokenPipeError):
            slow.send(idle.TAKEN, socket.MSG_NOSIGNAL)


def test_few_are_kept_and_not_for_long(room: IdleSubAgents, clock: Clock) -> None:
    lines = [come(room, pid) for pid in range(idle.MOST_IDLE + 1)]
    assert lines[0].recv(100) == b""
    clock.now += idle.IDLE_SECONDS
    assert room.look([]) == []
    assert [line.recv(100) for line in lines[1:]] == [b""] * idle.MOST_IDLE
    assert room.seconds() is None
    for line in lines:
        line.close()


def test_nobody_waits_at_a_door_behind_which_nobody_is() -> None:
    room = IdleSubAgents()
    room.close()
    assert next_folder(room.door) is None
    room.door.close()
