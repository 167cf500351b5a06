"""Peers of other releases: what agents of 0.1.0 said and kept is still understood, and new words hurt nobody.

The texts below are frozen: they change only when a protocol version ends.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent_client.journal import inventory_rows, scan
from agent_client.sub_agent.delivery import Delivery
from agent_client.sub_agent_dir import SubAgentDir
from tasks.agent_api import versions
from tasks.models import SubAgent, Task
from tasks.scheduling.run import run_pass
from tests.tasks.protocol import INCARNATION, PaperHost, entry_of, finish, piece
from tests.tasks.test_flow import task

REPORT_0_1_0 = """{"entries": [{"sub_agent_id": "%s", "fence": %d, "token": "%s",
 "started": {"pid": 7, "pid_start_ticks": 1, "boot_id": "boot-1"},
 "usage": {"cpu_percent": 50.0, "memory_mib": 10, "processes": 2, "cpu_seconds": 0.5},
 "output": [{"stream": "out", "offset": 0, "data": "aGVsbG8=", "crc32": 907060870}],
 "finish": {"reason": "exit", "exit_code": 3, "signal": null, "sent_signals": [], "sizes": {"out": 5},
  "duration_seconds": 1.5, "cpu_seconds": 0.5, "peak_memory_mib": 10, "result": null, "detail": "",
  "ended_at": "2026-01-02T03:04:05Z", "digest": "d"},
 "log_close": [{"stream": "out", "size": 5,
  "sha256": "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"}]}]}"""

FOLDER_0_1_0: dict[str, dict[str, Any]] = {
    "assignment.json": {
        "sub_agent_id": "s1",
        "fence": 7,
        "task_id": 3,
        "attempt_no": 1,
        "cpu_cores": 1.0,
        "memory_mib": None,
        "gpus": [],
        "nonce": "n" * 32,
    },
    "grant.json": {
        "sub_agent_id": "s1",
        "fence": 7,
        "task_id": 3,
        "attempt_no": 1,
        "cpu_cores": 1.0,
        "memory_mib": None,
        "gpus": [],
        "sub_agent_token": "t",
        "name": "n",
        "script_content": "true",
        "environment": {},
        "working_directory": None,
        "time_limit_seconds": None,
        "grace_seconds": 10,
        "split_output": False,
        "submitted_by": "",
        "server_url": "http://127.0.0.1:9",
        "instance_id": "i",
    },
    "started.json": {"pid": 1, "pid_start_ticks": 1, "boot_id": "b", "sid": 1, "cookie": "c"},
    "exit.json": {
        **finish(4, size=5),
        "cpu_seconds": None,
        "peak_memory_mib": None,
        "ended_at": "2026-01-02T03:04:05Z",
    },
}

NEXT, AFTER_NEXT = {"min": 1, "max": 2}, {"min": 2, "max": 3}


@pytest.fixture
def updated(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Called with the oldest and the newest version of a newer server."""

    def update(oldest: int, newest: int) -> None:
        monkeypatch.setattr(versions, "OLDEST", oldest)
        monkeypatch.setattr(versions, "NEWEST", newest)

    return update


def running(host: PaperHost) -> tuple[Task, dict[str, Any]]:
    waiting = task()
    run_pass()
    grant = host.claim(host.beat()["assignments"][0])
    host.report(grant, started={"pid": 7})
    return waiting, grant


@pytest.mark.django_db
@pytest.mark.matrix(65, 66)
def test_a_report_of_0_1_0_is_taken_whole() -> None:
    host = PaperHost()
    ended, grant = running(host)
    text = REPORT_0_1_0 % (grant["sub_agent_id"], grant["fence"], grant["sub_agent_token"])
    credential = f"SubAgent {grant['sub_agent_id']}:{grant['sub_agent_token']}"
    (reply,) = host.post("report", json.loads(text), credential)["replies"]
    kept = reply["logs"]["out"]
    assert (reply["code"], kept["stored"], kept["state"]) == ("ok", 5, "complete")
    ended.refresh_from_db()
    assert (ended.status, ended.exit_code) == ("failed", 3)


@pytest.mark.django_db
@pytest.mark.matrix(66)
def test_an_agent_that_is_too_old_gets_no_work_and_its_running_task_still_ends(updated: Any) -> None:
    host = PaperHost()
    ended, grant = running(host)
    updated(2, 3)
    assert host.beat()["code"] == "stale_epoch"
    assert host.open_session()["code"] == "version_too_old"
    assert host.status == 426
    waiting = task()
    run_pass()
    assert host.beat()["code"] == "stale_epoch"
    assert host.report(grant, output=[piece(b"still here")])["logs"]["out"]["stored"] == 10
    assert host.report(grant, finish=finish(0, size=10))["code"] == "ok"
    ended.refresh_from_db()
    waiting.refresh_from_db()
    assert (ended.status, waiting.status) == ("completed", "waiting")


@pytest.mark.django_db
@pytest.mark.matrix(66)
def test_the_agent_before_the_newest_agrees_on_a_version_and_works(updated: Any) -> None:
    host = PaperHost()
    host.open_session(proto=NEXT)
    ended, grant = running(host)
    updated(2, 3)
    assert host.beat()["code"] == "stale_epoch"  # its session was in version 1
    listed = {"sub_agent_id": grant["sub_agent_id"], "fence": grant["fence"], "local_state": "running", "sizes": {}}
    assert host.open_session([listed], proto=NEXT)["proto"] == 2
    host.report(grant, finish=finish(0))
    ended.refresh_from_db()
    assert ended.status == "completed"
    assert running(host)[0].status == "waiting"  # and a further task went there
    updated(2, 2)
    assert host.open_session(proto=AFTER_NEXT)["proto"] == 2  # an agent newer than its server


@pytest.mark.django_db(transaction=True)
def test_an_agent_that_claims_nothing_ahead_is_offered_its_work() -> None:
    """And what its inventory does not list may have been started, whatever its nonce looks like."""
    host = PaperHost()
    task()
    run_pass()
    reply = host.beat()
    (assignment,) = reply["assignments"]
    assert reply["granted"] == []
    grant = host.claim(assignment, f"{INCARNATION}-1")
    assert host.report_all(entry_of(grant, usage=None))["granted"] is None
    host.open_session([])
    assert SubAgent.objects.get().state == "lost"


@pytest.mark.matrix(65)
def test_a_folder_that_0_1_0_left_is_taken_up_and_told(tmp_path: Path) -> None:
    folder = SubAgentDir(tmp_path / "s1")
    folder.path.mkdir()
    for name, content in FOLDER_0_1_0.items():
        (folder.path / name).write_text(json.dumps(content))
    (folder.path / "out").write_bytes(b"hello")
    inventory = scan(tmp_path)
    assert inventory.is_complete
    (row,) = inventory_rows(inventory, tmp_path)
    assert (row["sub_agent_id"], row["fence"], row["local_state"]) == ("s1", 7, "finished")
    delivery = Delivery.connect(folder)
    delivery._load()
    entry, _ = delivery._entry(None)
    delivery.close()
    assert entry["finish"] is not None
    assert entry["finish"]["exit_code"] == 4


@pytest.mark.matrix(65)
def test_words_of_a_newer_release_in_a_folder_hurt_nothing(tmp_path: Path) -> None:
    folder = SubAgentDir(tmp_path / "s1")
    folder.path.mkdir()
    for name, content in FOLDER_0_1_0.items():
        if name != "exit.json":
            (folder.path / name).write_text(json.dumps({**content, "a_later_word": {"x": 1}}))
    lock = folder.acquire_lock()
    try:
        (row,) = inventory_rows(scan(tmp_path), tmp_path)
        assert row["local_state"] == "running"
    finally:
        os.close(lock)
