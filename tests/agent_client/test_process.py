"""Starting processes behind the barrier, reading /proc, recognising a family, signalling the right one."""

import errno
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from agent_client.process import proc, signals
from agent_client.process.family import Family, with_descendants
from agent_client.process.interpreter import interpreter_of
from agent_client.process.proc import ProcessStat, parse_stat
from agent_client.process.spawn import NEVER_EXECUTED, Command, SpawnFailure, held, spawn
from agent_client.process.spawn_sentence import explain
from tests.waiting import wait_until


def command(parent: Path, *argv: str, **changes: object) -> Command:
    fields: dict[str, object] = {"environment": {"A": "b"}, "working_directory": "/", "out_path": parent / "out"}
    return Command(argv=argv, **{**fields, **changes})  # type: ignore[arg-type]


def exit_code(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_nothing_is_executed_before_the_release(tmp_path: Path) -> None:
    child = spawn(command(tmp_path, "/bin/sh", "-c", "echo $A; exit 3"))
    wait_until(lambda: (tmp_path / "out").exists(), 10, "the child to prepare itself")
    assert (tmp_path / "out").read_bytes() == b""
    assert child.release() is None
    assert exit_code(child.pid) == 3
    assert (tmp_path / "out").read_bytes() == b"b\n"


def test_a_child_that_is_never_released_ends_by_itself(tmp_path: Path) -> None:
    child = spawn(command(tmp_path, "/bin/true"))
    os.close(child._orders)
    assert exit_code(child.pid) == NEVER_EXECUTED
    os.close(child._errors)


@pytest.mark.parametrize(
    ("argv", "changes", "failure"),
    [
        (("/no/such/program",), {}, SpawnFailure("exec", errno.ENOENT)),
        (("/etc/passwd",), {}, SpawnFailure("exec", errno.EACCES)),
        (("/bin/true",), {"working_directory": "/no/such/folder"}, SpawnFailure("directory", errno.ENOENT)),
        (("/bin/true",), {"environment": {"A": "b\0c"}}, SpawnFailure("exec", errno.EINVAL)),
        (("/bin/true",), {"environment": {"A": "b" * 140_000}}, SpawnFailure("exec", errno.E2BIG)),
        (("/bin/true",), {"out_path": Path("/no/such/folder/out")}, SpawnFailure("output", errno.ENOENT)),
    ],
)
def test_failures_come_back_with_their_step(
    tmp_path: Path, argv: tuple[str, ...], changes: dict[str, object], failure: SpawnFailure
) -> None:
    order = command(tmp_path, *argv, **changes)
    child = spawn(order)
    assert child.release() == failure
    assert exit_code(child.pid) != 0
    assert ("host h" in explain(failure, order, "h")) == (failure.errno != errno.EINVAL)


def test_child_has_its_own_session_and_default_signals(tmp_path: Path) -> None:
    code = "grep -E '^(SigIgn|SigBlk)' /proc/self/status; cut -d' ' -f5,6 /proc/self/stat; cat /proc/self/oom_score_adj"
    ignored = (signal.SIGQUIT, signal.SIGTSTP, signal.SIGUSR1, signal.SIGHUP)  # as nohup, `&` and some services do
    before = [signal.signal(number, signal.SIG_IGN) for number in ignored]
    try:
        child = spawn(command(tmp_path, "/bin/sh", "-c", code, environment={"PATH": os.environ["PATH"]}))
    finally:
        for number, handler in zip(ignored, before, strict=True):
            signal.signal(number, handler)
    assert child.release() is None
    assert exit_code(child.pid) == 0
    lines = (tmp_path / "out").read_text().splitlines()
    assert [settable_signals(line) for line in lines[:2]] == [set(), set()]
    assert lines[2] == f"{child.pid} {child.pid}"
    assert int(lines[3]) >= 300


def settable_signals(line: str) -> set[int]:
    """Of a mask in /proc/PID/status. The C library keeps a few to itself: what `make` passes on of those, stays."""
    mask = int(line.split()[1], 16)
    return {number for number in signal.valid_signals() if mask >> (number - 1) & 1}


def test_stat_of_a_process_with_a_hostile_name() -> None:
    line = b"42 (a) R (b\n) S 7 42 42 0 -1 0 0 0 0 0 100 50 3 2 20 0 1 0 1234 0 10 0"
    stat = parse_stat(line)
    assert stat is not None
    assert (stat.pid, stat.state, stat.parent_pid, stat.group_id, stat.start_ticks) == (42, "S", 7, 42, 1234)
    assert stat.cpu_seconds == 155 / proc.TICKS_PER_SECOND
    assert parse_stat(b"garbage") is None


def test_descendants_are_found_by_walking() -> None:
    process = subprocess.Popen(["/bin/sh", "-c", "(sleep 60; true) & sleep 60"])
    try:
        wait_until(lambda: len(proc.descendants(process.pid)) == 3, 10, "the whole tree")
    finally:
        for stat in proc.descendants(process.pid):
            signals.send(stat.pid, stat.start_ticks, signal.SIGKILL)
        process.kill()
        process.wait()


def make_stat(pid: int, parent_pid: int) -> ProcessStat:
    return ProcessStat(pid, "S", parent_pid, pid, pid, 100, 0.0, 0)


def test_with_descendants_follows_every_branch_once() -> None:
    everyone = [make_stat(1, 0), make_stat(2, 1), make_stat(3, 2), make_stat(4, 2), make_stat(5, 1)]
    assert {stat.pid for stat in with_descendants(everyone, {2})} == {2, 3, 4}
    assert {stat.pid for stat in with_descendants(everyone, {2, 3, 99})} == {2, 3, 4}


def test_a_process_with_the_cookie_belongs_to_the_family() -> None:
    process = subprocess.Popen(
        ["sleep", "60"], env={"TASK_COOKIE": "abc", "PATH": os.environ["PATH"]}, start_new_session=True
    )
    try:
        pids = lambda cookie: {stat.pid for stat in Family(1 << 22, 0, cookie).members()}  # noqa: E731
        wait_until(lambda: process.pid in pids("abc"), 10, "the process to carry its cookie")
        assert process.pid not in pids("ab")
        assert process.pid not in pids("xabc")
    finally:
        process.kill()
        process.wait()


def family_of(monkeypatch: pytest.MonkeyPatch, everyone: list[ProcessStat], **changes: Any) -> set[int]:
    """The pids of the family of script 500, which began at 1000 and carries a cookie that process 501 has."""
    monkeypatch.setattr(proc, "all_stats", lambda: iter(everyone))
    monkeypatch.setattr(proc, "has_in_environment", lambda pid, needle: pid == 501)
    return {stat.pid for stat in Family(500, 1000, "c", **changes).members()}


def in_group(pid: int, start_ticks: int, group_id: int = 500) -> ProcessStat:
    return ProcessStat(pid, "S", 1, group_id, group_id, start_ticks, 0.0, 0)


def test_a_group_counts_while_its_number_cannot_be_anyone_elses(monkeypatch: pytest.MonkeyPatch) -> None:
    leader, with_cookie, plain = in_group(500, 1000), in_group(501, 1100), in_group(502, 9000)
    assert family_of(monkeypatch, [leader, plain]) == {500, 502}
    assert family_of(monkeypatch, [with_cookie, plain]) == {501, 502}
    assert family_of(monkeypatch, [in_group(503, 1200), plain], seen=frozenset({(503, 1200)})) == {503, 502}


def test_strangers_who_were_given_the_groups_number_are_no_family(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their leader has gone already, so that nothing but the time of their start tells them from ours."""
    ours, strange = in_group(502, 1500), in_group(503, 9000)
    assert family_of(monkeypatch, [ours, strange], alive_until_ticks=2000.0) == {502}
    assert family_of(monkeypatch, [ours, strange]) == set()
    assert family_of(monkeypatch, [in_group(500, 8000), strange], alive_until_ticks=2000.0) == set()


def test_a_signal_needs_the_right_start_time() -> None:
    process = subprocess.Popen(["sleep", "60"])
    ticks = proc.start_ticks(process.pid)
    assert ticks is not None
    assert not signals.send(process.pid, ticks + 1, signal.SIGKILL)
    assert process.poll() is None
    assert signals.send(process.pid, ticks, signal.SIGKILL)
    assert process.wait(10) == -signal.SIGKILL
    assert not signals.send(process.pid, ticks, signal.SIGKILL)


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("echo hi", ["/bin/bash"]),
        ("", ["/bin/bash"]),
        ("#!/bin/bash\necho", ["/bin/bash"]),
        ("#!/bin/bash -l\necho", ["/bin/bash", "-l"]),
        ("#! /bin/bash -l -x\r\necho", ["/bin/bash", "-l", "-x"]),
        ("#!/usr/bin/env python3\n", ["/usr/bin/env", "python3"]),
        ("#!/usr/bin/env -S python3 -u\n", ["/usr/bin/env", "-S python3 -u"]),
        ("#!sh\n", ["/bin/sh"]),
        ("#!no-such-thing -x\n", ["no-such-thing", "-x"]),
        ("#!\n", ["/bin/bash"]),
        (" #!/bin/sh\n", ["/bin/bash"]),
    ],
)
def test_interpreter(script: str, expected: list[str]) -> None:
    assert interpreter_of(script, "/bin") == expected


def test_a_child_that_is_not_released_ends_and_leaves_nothing(tmp_path: Path) -> None:
    command = Command(["/bin/sh", "-c", "touch ran"], {}, str(tmp_path), tmp_path / "out")
    with pytest.raises(ValueError, match="changed"), held(command) as child:
        raise ValueError("changed our mind")
    assert proc.read_stat(child.pid) is None
    assert not (tmp_path / "ran").exists()


def test_signals_that_are_ignored_or_handled_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGHUP)}
    try:
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)
        signal.signal(signal.SIGUSR2, lambda number, frame: None)
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        changed = set(signals.changed())
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert {signal.SIGUSR1, signal.SIGUSR2} <= changed
    assert not changed & {signal.SIGHUP, signal.SIGKILL, signal.SIGSTOP}

    def hidden() -> dict[str, str]:
        raise FileNotFoundError

    monkeypatch.setattr(signals, "own_status", hidden)
    assert set(signals.changed()) == set(signals.MUTABLE)
