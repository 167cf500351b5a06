"""The pure parts of a sub agent: environment, finish record, result file, pace, cadence, counters, stop file."""

import errno
import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from agent_client.process.cgroup.group import NO_GROUP
from agent_client.process.proc import ProcessStat
from agent_client.process.spawn import Command, HeldChild
from agent_client.sub_agent import environment, oom, run
from agent_client.sub_agent.cadence import due_at
from agent_client.sub_agent.delivery import Outcome
from agent_client.sub_agent.environment import Place
from agent_client.sub_agent.finish import Facts, finish_of, sealed
from agent_client.sub_agent.oom import OomCounters
from agent_client.sub_agent.pace import LARGEST_BYTES, SMALLEST_BYTES, Pace
from agent_client.sub_agent.prepare import Prepared, prepare
from agent_client.sub_agent.result import read_result
from agent_client.sub_agent.stop_file import StopFile, request_stop
from agent_client.sub_agent.supervise import Ending
from agent_client.sub_agent_dir import SubAgentDir
from tests.agent_client.sub_agents import make_folder, make_grant


def build(base: dict[str, str] | None = None, user_code_dir: str | None = None, **changes: Any) -> dict[str, str]:
    place = Place("h", "/work", Path("/r.json"), Path("/tmp/t"), "cookie", "/opt/ours", user_code_dir, 1_000)
    return environment.build(base or {}, make_grant(**changes), place)  # type: ignore[arg-type]


def test_our_settings_and_our_python_stay_out() -> None:
    base = {
        "NIGHTSHIFT_URL": "x",
        "DJANGO_SETTINGS_MODULE": "x",
        "PYTHONHOME": "/opt/ours",
        "VIRTUAL_ENV": "/opt/ours/",
        "PATH": "/opt/ours/bin:/usr/bin",
        "HOME": "/home/me",
    }
    seen = build(base)
    assert not {"NIGHTSHIFT_URL", "DJANGO_SETTINGS_MODULE", "PYTHONHOME", "VIRTUAL_ENV"} & set(seen)
    assert (seen["PATH"], seen["HOME"]) == ("/usr/bin", "/home/me")


def test_what_started_the_agent_stays_out() -> None:
    """A script's own make must not take itself for a part of the one that started Nightshift, nor speak to systemd."""
    base = {"MAKEFLAGS": "s -j4", "MAKELEVEL": "1", "MFLAGS": "-s", "NOTIFY_SOCKET": "/run/n", "LISTEN_FDS": "1"}
    assert not set(base) & set(build(base))
    assert build(base, environment={"MAKEFLAGS": "-j2"})["MAKEFLAGS"] == "-j2"


def test_sub_agents_are_not_given_our_secrets() -> None:
    base = {"NIGHTSHIFT_AGENT_TOKEN": "t", "DJANGO_SECRET_KEY": "k", "NIGHTSHIFT_USER_CODE_DIR": "/code", "HOME": "/h"}
    assert environment.of_sub_agents(base) == {"NIGHTSHIFT_USER_CODE_DIR": "/code", "HOME": "/h"}


def test_a_user_without_a_home_works_at_the_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", homeless)
    folder = make_folder(tmp_path)
    grant = folder.read_grant()
    assert grant is not None
    assert prepare(folder, grant).command.working_directory == "/"


def test_a_disk_that_the_script_filled_has_room_for_its_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def write_exit(folder: SubAgentDir, finish: Any) -> None:
        if folder.tmp_path.exists():
            raise OSError(errno.ENOSPC, "No space left on device")
        write(folder, finish)

    write = SubAgentDir.write_exit
    monkeypatch.setattr(SubAgentDir, "write_exit", write_exit)
    waits: list[float] = []
    monkeypatch.setattr(run.time, "sleep", waits.append)
    folder = make_folder(tmp_path)
    folder.tmp_path.mkdir()
    run._write_exit(folder, finish_of(ending(0), facts()))
    assert folder.read_exit() is not None
    assert waits == [0.0]


def test_another_virtual_environment_stays() -> None:
    seen = build({"VIRTUAL_ENV": "/home/me/env", "PATH": "/home/me/env/bin:/usr/bin"})
    assert (seen["VIRTUAL_ENV"], seen["PATH"]) == ("/home/me/env", "/home/me/env/bin:/usr/bin")


def test_the_tasks_values_win_over_the_agents_and_ours_over_the_tasks() -> None:
    seen = build(
        {"A": "agent", "B": "agent"}, environment={"A": "task", "TASK_FENCE": "99", "CUDA_VISIBLE_DEVICES": "7"}
    )
    assert (seen["A"], seen["B"], seen["TASK_FENCE"], seen["CUDA_VISIBLE_DEVICES"]) == ("task", "agent", "7", "")


def test_gpus_by_index() -> None:
    gpus = [{"index": n, "uuid": f"GPU-{n}", "memory_mib": 1, "is_shared": False} for n in (2, 0)]
    seen = build(gpus=gpus)
    assert (seen["CUDA_VISIBLE_DEVICES"], seen["CUDA_DEVICE_ORDER"]) == ("2,0", "PCI_BUS_ID")
    assert (seen["NVIDIA_VISIBLE_DEVICES"], seen["SLURM_GPUS_ON_NODE"]) == ("GPU-2,GPU-0", "2")


@pytest.mark.parametrize(("cores", "threads", "shown"), [(4.0, "4", "4"), (0.5, "1", "0.5"), (2.75, "2", "2.75")])
def test_threads_follow_the_cores(cores: float, threads: str, shown: str) -> None:
    seen = build(cpu_cores=cores)
    assert (seen["OMP_NUM_THREADS"], seen["TASK_CPU_CORES"]) == (threads, shown)
    assert build(cpu_cores=cores, environment={"OMP_NUM_THREADS": "3"})["OMP_NUM_THREADS"] == "3"


def test_users_code_is_in_front() -> None:
    assert build(user_code_dir="/code")["PYTHONPATH"] == "/code"
    assert build({"PYTHONPATH": "/a"}, "/code", environment={"PYTHONPATH": "/b"})["PYTHONPATH"] == "/code:/b"


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (None, "/home/me"),
        ("", "/home/me"),
        ("~", "/home/me"),
        ("~/x", "/home/me/x"),
        ("/data", "/data"),
        ("x/../y", "/home/me/y"),
    ],
)
def test_working_directory(wanted: str | None, expected: str) -> None:
    assert environment.working_directory(make_grant(working_directory=wanted), "/home/me") == expected  # type: ignore[arg-type]


def member(pid: int) -> ProcessStat:
    return ProcessStat(pid, "D", 1, 4, 4, 1000, 0.0, 0)


def ending(wait_status: int | None, **changes: Any) -> Ending:
    fields: dict[str, Any] = {"duration_seconds": 1.5, "cpu_seconds": 0.5, "ended_at": "2030-01-01T00:00:00Z"}
    return Ending(wait_status=wait_status, **{**fields, **changes})


def facts(**changes: Any) -> Facts:
    fields = {
        "sizes": {"out": 3},
        "peak_memory_mib": 7,
        "result": None,
        "result_sentence": "",
    }
    return Facts(**{**fields, "oom_kills_rose": False, **changes})


@pytest.mark.parametrize(
    ("end", "oom_kills_rose", "reason"),
    [
        (ending(0), False, "exit"),
        (ending(1 << 8), False, "exit"),
        (ending(1 << 8), True, "exit"),
        (ending(signal.SIGKILL), False, "signal"),
        (ending(signal.SIGKILL), True, "oom"),
        (ending(137 << 8), True, "oom"),
        (ending(137 << 8), False, "exit"),
        (ending(signal.SIGTERM, stop_reason="cancel", sent_signals=["TERM"]), False, "cancel"),
        (ending(0, stop_reason="cancel", sent_signals=["TERM"]), False, "cancel"),
        (ending(signal.SIGKILL, stop_reason="timeout", sent_signals=["TERM", "KILL"]), True, "timeout"),
        (ending(signal.SIGTERM, stop_reason="lost", sent_signals=["TERM"]), False, "cancel"),
        (ending(3 << 8, stop_reason="cancel"), False, "exit"),  # it ended before a signal was sent
        (
            ending(None, stuck=[member(4), member(5)], stop_reason="cancel", sent_signals=["TERM", "KILL"]),
            False,
            "unkillable",
        ),
    ],
)
def test_reason(end: Ending, oom_kills_rose: bool, reason: str) -> None:
    assert finish_of(end, facts(oom_kills_rose=oom_kills_rose))["reason"] == reason


GPU_WORDS = b"epoch 3\ntorch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB."


@pytest.mark.parametrize(
    ("end", "known", "reason", "kind"),
    [
        (ending(1 << 8), {"tails": [GPU_WORDS]}, "oom", "gpu"),
        (ending(1 << 8), {"tails": [b"only progress", GPU_WORDS]}, "oom", "gpu"),
        (ending(134 << 8), {"tails": [b"what():  std::bad_alloc"]}, "oom", "host"),
        (ending(0), {"tails": [GPU_WORDS]}, "exit", None),
        (ending(1 << 8), {"tails": [b"no such file"]}, "exit", None),
        (ending(1 << 8, stop_reason="cancel", sent_signals=["TERM"]), {"tails": [GPU_WORDS]}, "cancel", None),
        (ending(137 << 8), {"tails": [b"Killed"], "peak_memory_mib": 95, "memory_limit_mib": 100}, "oom", "host"),
        (ending(137 << 8), {"tails": [b"Killed"], "peak_memory_mib": 50, "memory_limit_mib": 100}, "exit", None),
        (ending(1 << 8), {"tails": [b"Killed"], "peak_memory_mib": 95, "memory_limit_mib": 100}, "exit", None),
        (ending(137 << 8), {"tails": [GPU_WORDS], "oom_kills_rose": True}, "oom", "host"),
    ],
)
def test_memory_that_ran_out(end: Ending, known: dict[str, Any], reason: str, kind: str | None) -> None:
    record = finish_of(end, facts(**known))
    assert record["reason"] == reason
    assert (record["oom"] or {}).get("kind") == kind


def test_details_are_sentences() -> None:
    assert finish_of(ending(0), facts())["detail"] == ""
    assert (
        finish_of(ending(None, stuck=[member(4), member(5)]), facts())["detail"]
        == "Processes 4, 5 did not end within 60 s of being killed."
    )
    assert finish_of(ending(signal.SIGTERM, stop_reason="lost", sent_signals=["TERM"]), facts())["detail"] == (
        "The script was stopped because the server had given this attempt up."
    )
    assert finish_of(ending(0, leftovers=2), facts())["detail"].startswith(
        "2 processes that the script left running were"
    )


def test_digest_depends_on_every_field_and_not_on_order() -> None:
    finish = finish_of(ending(0), facts())
    assert sealed(finish)["digest"] == finish["digest"]
    assert sealed(dict(reversed(finish.items())))["digest"] == finish["digest"]  # type: ignore[arg-type]
    assert sealed({**finish, "exit_code": 1})["digest"] != finish["digest"]


@pytest.mark.parametrize(
    ("content", "result", "sentence"),
    [
        (b'{"a": [1, null]}', {"a": [1, None]}, ""),
        (b"3\n", 3, ""),
        (b"", None, "is empty"),
        (b"{", None, "not JSON"),
        (b'{"loss": NaN}', None, "NaN is not JSON"),
        (b'{"loss": -1e999}', None, "-1e999 is larger than any number"),
        (b"[" * 101 + b"]" * 101, None, "nested more than 100 deep"),
        (b'{"a": ' * 900 + b"1" + b"}" * 900, None, "nested more than 100 deep"),
        (b"\xff", None, "not UTF-8"),
        (b'"\\ud800"', None, "lone surrogate"),
        (b"[" * 60_000, None, "not JSON"),
        (b'"' + b"x" * 70_000 + b'"', None, "larger than 64 KiB"),
    ],
)
def test_result_file(tmp_path: Path, content: bytes, result: Any, sentence: str) -> None:
    (tmp_path / "r").write_bytes(content)
    seen, why = read_result(tmp_path / "r")
    assert seen == result
    assert (sentence in why) if sentence else (why == "")


def test_a_result_as_deep_as_allowed_is_taken_and_can_be_recorded(tmp_path: Path) -> None:
    (tmp_path / "r").write_bytes(b"[" * 100 + b"]" * 100)
    result, sentence = read_result(tmp_path / "r")
    assert sentence == ""
    assert json.dumps(result).count("[") == 100


def test_result_that_is_no_file(tmp_path: Path) -> None:
    assert read_result(tmp_path / "absent") == (None, "")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/etc/hostname")
    (tmp_path / "folder").mkdir()
    for name in ("pipe", "link", "folder"):
        result, sentence = read_result(tmp_path / name)
        assert result is None
        assert sentence.startswith("The result was not taken")


def test_pace_follows_the_line() -> None:
    pace = Pace()
    for _ in range(20):
        pace.sent(pace.block_bytes, 0.01)
    assert pace.block_bytes == LARGEST_BYTES
    for _ in range(20):
        pace.failed()
    assert pace.block_bytes == SMALLEST_BYTES
    pace.sent(10, 0.01)  # a small block says nothing about the line
    assert pace.block_bytes == SMALLEST_BYTES


@pytest.mark.parametrize(
    ("outcome", "has_news", "is_urgent", "expected"),
    [
        (Outcome(False, 1.0), False, False, 101.0),
        (Outcome(False, 3.0), False, False, 103.0),
        (Outcome(False, 1.0), True, False, 101.0),
        (Outcome(False, 1.0, is_watched=True), True, False, 100.2),
        (Outcome(False, 1.0, is_watched=True), False, False, 101.0),
        (Outcome(False, 1.0), True, True, 100.5),
        (Outcome(False, 0.0), True, False, 100.5),
        (Outcome(False, 9.0, failure="away"), True, True, 109.5),
    ],
)
def test_cadence(outcome: Outcome, has_news: bool, is_urgent: bool, expected: float) -> None:
    assert due_at(100.0, 100.5, outcome, has_news, is_urgent) == pytest.approx(expected)


def test_oom_counter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    events = tmp_path / "memory.events"
    events.write_text("low 0\noom 1\noom_kill 2\noom_group_kill 9\n")
    monkeypatch.setattr(oom, "_counter_files", lambda: [events])
    counters = OomCounters()
    assert not counters.has_risen()
    events.write_text("low 0\noom 1\noom_kill 3\noom_group_kill 9\n")
    assert counters.has_risen()


def test_oom_counter_of_this_host_can_be_read() -> None:
    assert not OomCounters().has_risen()


def test_stop_requests_are_seen_once_and_only_sharpen(tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    stops = StopFile(folder)
    assert stops.look() is None
    gentle: Any = {"reason": "cancel", "grace_seconds": 10.0, "kill_now": False}
    hard: Any = {"reason": "cancel", "grace_seconds": 0.0, "kill_now": True}
    assert request_stop(folder, gentle)
    assert stops.look() == gentle
    assert stops.look() is None
    assert not request_stop(folder, gentle)
    assert request_stop(folder, hard)
    assert not request_stop(folder, gentle)
    assert stops.look() == hard


def test_a_damaged_stop_request_stops_nothing(tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    (folder.path / "stop.json").write_text("{")
    assert StopFile(folder).look() is None
    assert json.loads((folder.path / "grant.json").read_text())["task_id"] == 12


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"reason": None},
        {"reason": "cancel", "grace_seconds": "soon", "kill_now": False},
        {"reason": "cancel", "grace_seconds": -1, "kill_now": False},
        {"reason": "cancel", "grace_seconds": True, "kill_now": False},
    ],
)
def test_a_stop_request_that_says_nothing_clear_stops_nothing(tmp_path: Path, content: dict[str, Any]) -> None:
    folder = make_folder(tmp_path)
    (folder.path / "stop.json").write_text(json.dumps(content))
    assert StopFile(folder).look() is None


def test_a_short_stop_request_is_understood(tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    (folder.path / "stop.json").write_text('{"reason": "cancel", "more": 1}')
    assert StopFile(folder).look() == {"reason": "cancel", "grace_seconds": None, "kill_now": False}
    assert not request_stop(folder, {"reason": "cancel", "grace_seconds": None, "kill_now": False})


def opened(descriptor: int) -> Path:
    return Path(f"/proc/self/fd/{descriptor}").readlink()


def test_folder_and_grant_are_durable_before_the_start_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A start record without a token would leave a result that cannot be told; without its folder there is none."""
    folder = make_folder(tmp_path)
    synced: list[str] = []
    monkeypatch.setattr("os.fsync", lambda descriptor: synced.append(str(opened(descriptor))))
    child = HeldChild(os.getpid(), NO_GROUP, -1, -1)
    prepared = Prepared(Command([], {}, "/", folder.stream_path("out")), "cookie", "host")
    run._record_start(folder, child, prepared)
    parent, grant, started, entries = synced
    assert parent == str(folder.path.parent)
    assert grant == str(folder.path / "grant.json")
    assert Path(started).name.startswith(".started.json")
    assert entries == str(folder.path)


def test_without_a_durable_folder_there_is_no_start_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its main agent then finds a script that was not started; the child has not passed its barrier."""
    folder = make_folder(tmp_path)

    def broken(*_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(SubAgentDir, "sync_name", broken)
    prepared = Prepared(Command([], {}, "/", folder.stream_path("out")), "cookie", "host")
    with pytest.raises(OSError, match="Input"):
        run._record_start(folder, HeldChild(os.getpid(), NO_GROUP, -1, -1), prepared)
    assert not folder.has_started()
