"""The database full, locked, or restarted, under a real server with a real host: nothing is acknowledged that is not
stored, nobody is given up for it, and all goes on by itself."""

import contextlib
import os
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import requests

from tests.postgres import PG_CTL, Cluster
from tests.running import Nightshift, Site, prepared_site
from tests.waiting import wait_until

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

MACHINE = {"cpu_cores": 4, "memory_mib": 4096}
NO_TMPFS = "needs root to mount a small file system"
NO_POSTGRESQL = "needs PostgreSQL's server programs (Debian: apt-get install postgresql)"


def waiting_for(file: Path) -> str:
    """A script that ends with 7 once this file is there."""
    return f"while [ ! -e {file} ]; do sleep 0.05; done; exit 7"


def answer(server: Nightshift, script: str = "true") -> requests.Response:
    body = {"name": "test", "script_content": script}
    return server.http.post(f"{server.url}/api/tasks/", json=body, timeout=60)


def said(server: Nightshift, words: str) -> bool:
    return words in (server.data_dir / "logs/system/server.log").read_text()


def exit_records(server: Nightshift) -> list[Path]:
    return list(server.agents[0].state_dir.glob("sub_agents/*/exit.json"))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 16 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip(NO_TMPFS)
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.matrix(36)
def test_no_result_is_acknowledged_while_the_disk_of_the_database_is_full(
    prepared: Site, tmp_path: Path, small_disk: Path
) -> None:
    settings = {"DATABASE_URL": f"sqlite:///{small_disk / 'database.sqlite3'}"}
    (small_disk / "database.sqlite3").write_bytes((prepared.data_dir / "database/nightshift.sqlite3").read_bytes())
    server = Nightshift(prepared, tmp_path / "site", settings)
    server.start()
    try:
        server.start_agent(MACHINE)
        task_id = server.submit(waiting_for(tmp_path / "go"))
        server.wait_for(task_id, "running")
        filler = small_disk / "filler"
        accepted = _fill(server, filler)
        (tmp_path / "go").touch()
        wait_until(lambda: exit_records(server), 30, "the script to end")
        wait_until(lambda: said(server, "agent_request_failed"), 30, "the result to be refused")
        assert server.task(task_id)["status"] == "running"
        filler.unlink()
        assert server.wait_for(task_id)["exit_code"] == 7
        for number in accepted:
            assert server.wait_for(number)["status"] == "completed"
        assert server.wait_for(server.submit("true"))["status"] == "completed"
    finally:
        server.stop()


def _fill(server: Nightshift, filler: Path) -> list[int]:
    """Take the rest of the disk, then submit until the database has used up what room it had left. Returns the tasks
    that were acknowledged; the first that is not is refused in plain words."""
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    accepted: list[int] = []
    for _ in range(100):
        reply = answer(server, "true # " + "x" * 500_000)
        if reply.status_code != 201:
            assert (reply.status_code, reply.json()["code"]) == (503, "busy"), reply.text[:300]
            return accepted
        accepted.append(reply.json()["id"])
    raise AssertionError("the database never became full")


@pytest.mark.matrix(37)
def test_a_database_that_is_locked_for_long(prepared: Site, tmp_path: Path) -> None:
    """Another process holds it for longer than a host may be silent: 503, and nobody is given up."""
    times = {"DATABASE_BUSY_SECONDS": "1", "SUSPECT_SECONDS": "2", "UNREACHABLE_SECONDS": "4", "STALL_SECONDS": "1"}
    server = Nightshift(prepared, tmp_path / "site", {**times, "AMNESTY_SECONDS": "1"})
    server.start()
    try:
        server.start_agent(MACHINE)
        task_id = server.submit(waiting_for(tmp_path / "go"))
        server.wait_for(task_id, "running")
        with closing(sqlite3.connect(server.data_dir / "database/nightshift.sqlite3", isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            refused = answer(server)
            assert (refused.status_code, refused.json()["code"]) == (503, "busy")
            assert refused.headers["Retry-After"] == "1"
            (tmp_path / "go").touch()
            wait_until(lambda: exit_records(server), 30, "the script to end")
            wait_until(lambda: _locked_long_enough(server), 60, "the lock to last longer than any patience")
            other.execute("ROLLBACK")
        assert server.wait_for(task_id)["exit_code"] == 7
        (host,) = server.get("/api/agents/")["results"]
        assert host["status"] == "online"
        verbs = [event["verb"] for event in server.get(f"/api/agents/{host['id']}/events/")["results"]]
        assert "unreachable" not in verbs
        assert server.wait_for(server.submit("true"))["status"] == "completed"
    finally:
        server.stop()


def _locked_long_enough(server: Nightshift) -> bool:
    """Four turns that waited for a second each, with pauses: longer than a host may be silent here."""
    log = (server.data_dir / "logs/system/server.log").read_text()
    return log.count("loop_failed loop=reaper") >= 4 and "agent_request_failed" in log


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    if PG_CTL is None:
        pytest.skip(NO_POSTGRESQL)
    cluster = Cluster()
    yield cluster
    cluster.remove()


@pytest.mark.matrix(38)
def test_postgresql_restarts_under_a_busy_server(tmp_path: Path, cluster: Cluster) -> None:
    site = prepared_site(tmp_path / "prepared", DATABASE_URL=cluster.url)
    server = Nightshift(site, tmp_path / "site", {"DATABASE_URL": cluster.url})
    server.start()
    try:
        server.start_agent(MACHINE)
        running = server.submit(waiting_for(tmp_path / "go"))
        queued = [server.submit(f"echo {number}") for number in range(12)]
        server.wait_for(running, "running")
        cluster.stop()
        assert answer(server).status_code == 503
        (tmp_path / "go").touch()
        wait_until(lambda: exit_records(server), 30, "the script to end")
        cluster.start()
        assert server.wait_for(running)["exit_code"] == 7
        for task_id in queued:
            assert server.wait_for(task_id)["status"] == "completed"
        wait_until(server._is_well, 60, "the server to be well again")
        assert "All invariants hold." in server.manage("check_invariants")
    finally:
        server.stop()
