"""Whose the cards' memory is: process lists of the driver, and the scripts' families."""

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from agent_client.probes.gpu import GpuProcess, GpuReading, GpuReport, GpuUser
from agent_client.probes.gpu_owners import GpuOwners
from agent_client.probes.gpu_use import AttributedGpus, attributed
from agent_client.probes.nvml import NvmlProbe
from agent_client.process import proc
from agent_client.sub_agent_dir import SubAgentDir
from tests.agent_client.fake_nvml import FakeCard, FakeNvml
from tests.agent_client.main_agent_process import grant_of

CARD = GpuReading(0, "A", memory_mib=48000, memory_used_mib=40000)


def report(**processes: tuple[GpuProcess, ...]) -> GpuReport:
    return GpuReport("ready", "", (CARD, GpuReading(1, "B", memory_used_mib=10)), processes)


def test_nvml_lists_who_computes_and_who_draws_once() -> None:
    card = FakeCard(bus=1, computing={7: 500, 8: None}, drawing={7: 500, 9: 20})
    found = NvmlProbe(FakeNvml([card]), {}).read().processes[card.uuid]
    assert set(found) == {GpuProcess(7, 500), GpuProcess(8, None), GpuProcess(9, 20)}


@pytest.mark.parametrize(("unsupported", "listed"), [("drawing", True), ("processes", False)])
def test_a_card_that_lists_no_processes_says_so(unsupported: str, listed: bool) -> None:
    card = FakeCard(bus=1, computing={7: 5}, unsupported=(unsupported,))
    assert (card.uuid in NvmlProbe(FakeNvml([card]), {}).read().processes) is listed


def test_own_and_others_are_told_apart_on_each_card() -> None:
    processes = {"A": (GpuProcess(1, 6000), GpuProcess(2, 30000), GpuProcess(3, 500)), "B": (GpuProcess(1, 10),)}
    found = attributed(report(**processes), {1: "s1", 2: "", 3: "s1"})
    assert [card.own_mib for card in found.gpus] == [6500, 10]
    assert found.users == (GpuUser("s1", "A", 6500), GpuUser("s1", "B", 10))


@pytest.mark.parametrize(
    ("process", "owner", "own_mib"),
    [
        (GpuProcess(1, 5), None, None),
        (GpuProcess(1, None), "s1", None),
        (GpuProcess(1, None), "", 0),
        (GpuProcess(1, 5), "", 0),
    ],
)
def test_what_cannot_be_told_is_unknown(process: GpuProcess, owner: str | None, own_mib: int | None) -> None:
    found = attributed(report(A=(process,)), {1: owner})
    assert [card.own_mib for card in found.gpus] == [own_mib, None]
    assert found.users == (None if own_mib is None else ())


@pytest.mark.parametrize(("sees_everyone", "own_mib"), [(True, 0), (False, None)])
def test_an_empty_list_in_a_container_tells_nothing(sees_everyone: bool, own_mib: int | None) -> None:
    class Empty:
        def read(self) -> GpuReport:
            return report(A=())

    found = AttributedGpus(Empty(), lambda pids: dict.fromkeys(pids), sees_everyone).read()
    assert [card.own_mib for card in found.gpus] == [own_mib, None]


@contextmanager
def script(*words: str, cookie: str = "", **how: Any) -> Iterator[subprocess.Popen[bytes]]:
    """A process in a group of its own that says one line with a pid: its own, or that of a child."""
    env = {"TASK_COOKIE": cookie} if cookie else {}
    process = subprocess.Popen(
        words or ("/bin/sh", "-c", "echo $$; exec sleep 60"), stdout=subprocess.PIPE, env=env, **how
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def said_pid(process: subprocess.Popen[bytes]) -> int:
    assert process.stdout is not None
    return int(process.stdout.readline())


@contextmanager
def running(sub_agents: Path, pid: int, cookie: str = "none", sub_agent_id: str = "s1") -> Iterator[SubAgentDir]:
    """The folder of a sub agent whose script is `pid`; its lock is held."""
    folder = SubAgentDir.create(sub_agents, sub_agent_id)
    values: Any = grant_of(sub_agent_id)
    folder.write_assignment({**values, "nonce": "n"})
    started: Any = {"pid": pid, "pid_start_ticks": proc.start_ticks(pid), "boot_id": "b", "sid": pid, "cookie": cookie}
    folder.write_started(started)
    descriptor = folder.acquire_lock()
    yield folder
    os.close(descriptor)


def owners(tmp_path: Path, pids: Iterable[int], sees_everyone: bool = True) -> dict[int, str | None]:
    return GpuOwners(tmp_path, sees_everyone)(pids)


def test_the_script_itself_and_its_group_are_its_sub_agents(tmp_path: Path) -> None:
    with script(start_new_session=True) as process, running(tmp_path, process.pid):
        assert owners(tmp_path, [said_pid(process), os.getpid()]) == {process.pid: "s1", os.getpid(): ""}


def test_a_process_that_left_the_group_is_known_by_its_cookie(tmp_path: Path) -> None:
    with (
        script(start_new_session=True, cookie="c1") as first,
        script(start_new_session=True, cookie="c1") as daemon,
        script(start_new_session=True, cookie="c2") as stranger,
        running(tmp_path, first.pid, "c1"),
    ):
        found = owners(tmp_path, [said_pid(daemon), said_pid(stranger)])
    assert found == {daemon.pid: "s1", stranger.pid: ""}


def test_a_process_without_marks_is_known_by_its_parents_or_as_seen_before(tmp_path: Path) -> None:
    child = (
        "import os, time\nif os.fork():\n time.sleep(60)\nos.setsid()\nprint(os.getpid(), flush=True)\ntime.sleep(60)"
    )
    with script(sys.executable, "-c", child, start_new_session=True) as parent, running(tmp_path, parent.pid) as folder:
        pid = said_pid(parent)
        assert owners(tmp_path, [pid]) == {pid: "s1"}
        ticks = proc.start_ticks(pid) or 0
        folder.write_family(frozenset({(pid, ticks)}))
        parent.kill()
        parent.wait()
        assert owners(tmp_path, [pid]) == {pid: "s1"}
        os.kill(pid, 9)


def test_what_an_ended_sub_agent_left_is_nobodys(tmp_path: Path) -> None:
    with script(start_new_session=True) as process:
        find = GpuOwners(tmp_path, sees_everyone=True)
        with running(tmp_path, process.pid):
            assert find([said_pid(process)]) == {process.pid: "s1"}
        assert find([process.pid]) == {process.pid: ""}


@pytest.mark.parametrize(("sees_everyone", "owner"), [(True, ""), (False, None)])
def test_a_process_that_is_not_seen(tmp_path: Path, sees_everyone: bool, owner: str | None) -> None:
    assert owners(tmp_path, [2**22 + 1], sees_everyone) == {2**22 + 1: owner}


def test_folders_are_read_for_new_processes_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[Path] = []
    find = GpuOwners(tmp_path, sees_everyone=True)
    with script(start_new_session=True) as process, running(tmp_path, process.pid):
        assert find([said_pid(process)]) == {process.pid: "s1"}
        monkeypatch.setattr("agent_client.probes.gpu_owners.scan", looks.append)
        assert find([process.pid]) == {process.pid: "s1"}
    assert looks == []
