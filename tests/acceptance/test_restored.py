"""The database is replaced by an older copy: results that were acknowledged since come back, running scripts go on, and
nothing is executed twice.
"""

import shutil
import sqlite3
from pathlib import Path

import pytest

from tests.running import Nightshift
from tests.waiting import wait_until

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]
SMALL = {"cpu_cores": 4, "memory_mib": 1024, "gpus": []}


@pytest.mark.matrix(39)
def test_an_older_database_learns_again_what_it_had_acknowledged(fresh_nightshift: Nightshift) -> None:
    site = fresh_nightshift
    site.start_agent(SMALL, name="gpu-1")
    early = waiting_script(site, "early", 3)
    long = waiting_script(site, "long", 5)
    for task_id in (early, long):
        site.wait_for(task_id, "running")
    copy = site.folder / "copy.sqlite3"
    backup_of(database(site), copy)
    (site.folder / "go-early").touch()
    assert site.wait_for(early)["exit_code"] == 3
    site.wait_for_log(early)
    wait_until(lambda: retained(site), 30, "the folder of the early one to go")
    site.kill_server()
    for suffix in ("", "-wal", "-shm"):
        Path(f"{database(site)}{suffix}").unlink(missing_ok=True)
    shutil.copy(copy, database(site))
    site.start()
    ended = site.wait_for(early, seconds=90)
    assert (ended["status"], ended["exit_code"]) == ("failed", 3)
    assert site.task(long)["status"] == "running"
    (site.folder / "go-long").touch()
    assert site.wait_for(long)["exit_code"] == 5
    for name in ("early", "long"):
        assert (site.folder / f"runs-{name}").read_text() == "x\n"


@pytest.mark.matrix(39)
def test_what_was_granted_after_the_copy_is_not_executed_again(fresh_nightshift: Nightshift) -> None:
    """In the copy they are assigned, and nobody knows that their host accepted."""
    site = fresh_nightshift
    site.settings = {"CLAIM_SECONDS": "60"}
    site.restart()
    site.start_agent(SMALL, name="gpu-1")
    site.agents[0].child.send_signal(19)  # SIGSTOP: placed on it, and not accepted yet
    early = waiting_script(site, "early", 3)
    long = waiting_script(site, "long", 5)
    wait_until(lambda: all(site.task(one)["agent_name"] for one in (early, long)), 30, "both to be placed")
    copy = site.folder / "copy.sqlite3"
    backup_of(database(site), copy)
    site.agents[0].child.send_signal(18)  # SIGCONT
    for task_id in (early, long):
        site.wait_for(task_id, "running")
    (site.folder / "go-early").touch()
    assert site.wait_for(early)["exit_code"] == 3
    site.wait_for_log(early)
    wait_until(lambda: retained(site), 30, "the folder of the early one to go")
    site.kill_server()
    for suffix in ("", "-wal", "-shm"):
        Path(f"{database(site)}{suffix}").unlink(missing_ok=True)
    shutil.copy(copy, database(site))
    site.start()
    assert site.wait_for(early, seconds=90)["exit_code"] == 3
    site.wait_for(long, "running", seconds=90)
    (site.folder / "go-long").touch()
    assert site.wait_for(long)["exit_code"] == 5
    for name in ("early", "long"):
        assert (site.folder / f"runs-{name}").read_text() == "x\n"


def waiting_script(site: Nightshift, name: str, code: int) -> int:
    folder = site.folder
    return site.submit(
        f"echo x >> {folder}/runs-{name}; while ! [ -e {folder}/go-{name} ]; do sleep 0.1; done; exit {code}"
    )


def database(site: Nightshift) -> Path:
    return site.data_dir / "database" / "nightshift.sqlite3"


def backup_of(source: Path, target: Path) -> None:
    with sqlite3.connect(source) as origin, sqlite3.connect(target) as copy:
        origin.backup(copy)
    origin.close()
    copy.close()


def retained(site: Nightshift) -> bool:
    return bool(list((site.agents[0].state_dir / "retained").glob("*.json")))
