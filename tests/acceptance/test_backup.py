"""A backup of a server that is busy, and life after it was restored elsewhere. What agents do with results that the
older database does not know is another test's business."""

from pathlib import Path

import pytest

from tests.invariant_checker import violations_in
from tests.running import Nightshift, Site

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

MACHINE = {"cpu_cores": 8, "memory_mib": 16384}
CHATTY = 'for i in $(seq 2000); do echo "line $i of $TASK_ID"; done'


def test_backup_under_load_then_a_new_life(fresh_nightshift: Nightshift, prepared: Site, tmp_path: Path) -> None:
    server = fresh_nightshift
    server.start_agent(MACHINE)
    early = [server.submit(CHATTY) for _ in range(8)]
    for task_id in early:
        server.wait_for(task_id)
        server.wait_for_log(task_id)
    busy = [server.submit(CHATTY) for _ in range(20)]
    server.manage("backup", str(tmp_path / "copy"))
    assert "is whole" in server.manage("backup", str(tmp_path / "copy"), "--verify")
    late = [server.submit("true") for _ in range(3)]
    for task_id in [*busy, *late]:
        server.wait_for(task_id)
    server.kill_server()

    other = Nightshift(prepared, tmp_path / "other", start_empty=True)
    try:
        other.manage("restore", str(tmp_path / "copy"))
        assert violations_in(other.data_dir) == []
        other.start()
        for task_id in early:
            assert other.task(task_id)["status"] == "completed"
            assert other.log(task_id) == server_log(server, task_id)
        assert other.http.get(f"{other.url}/api/tasks/{late[-1]}/", timeout=30).status_code == 404
        other.start_agent(MACHINE, name="after")
        assert other.wait_for(other.submit("exit 3"))["exit_code"] == 3
    finally:
        other.stop()


def server_log(server: Nightshift, task_id: int) -> bytes:
    """As the first server had it."""
    return (server.data_dir / f"logs/tasks/{task_id}/1.log").read_bytes()
