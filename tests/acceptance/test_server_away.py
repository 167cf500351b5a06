"""The server is away for longer than it waits for hosts, under load: scripts run on, nothing is given up or lost."""

import time
from pathlib import Path

import pytest

from tests.acceptance.processes import is_running, script_pid
from tests.running import Nightshift, Site
from tests.waiting import wait_until

pytestmark = [pytest.mark.acceptance, pytest.mark.slow, pytest.mark.timeout(300)]

SHORT = {"UNREACHABLE_SECONDS": "10", "LOST_AFTER_SECONDS": "5"}
AWAY_SECONDS = 16.0
SCRIPT = """while [ ! -e {gate} ]; do sleep 0.05; done
for i in $(seq 1 {lines}); do echo {number} line $i; sleep 0.05; done
exit {number}
"""
COUNT, SHORT_LINES, LONG_LINES = 12, 20, 400


@pytest.mark.matrix(13)
def test_away_under_load_and_started_anew(prepared: Site, tmp_path: Path) -> None:
    """Half of the scripts end while nobody listens, half run through it; the server is away for longer than a host may
    be silent before its attempts are given up."""
    nightshift = Nightshift(prepared, tmp_path / "nightshift", SHORT)
    nightshift.start()
    try:
        agent = nightshift.start_agent({"cpu_cores": 16, "memory_mib": 65536})
        gate = nightshift.folder / "gate"
        tasks = {number: nightshift.submit(script(number, gate)) for number in range(COUNT)}
        for task_id in tasks.values():
            nightshift.wait_for(task_id, "running")
        pids = {number: script_pid(agent, task_id) for number, task_id in tasks.items()}
        assert nightshift.server is not None
        nightshift.server.stop()
        stopped_at = time.monotonic()
        gate.touch()
        wait_until(lambda: not any(is_running(pids[number] or 0) for number in ended()), 60, "half of them to end")
        wait_until(lambda: time.monotonic() - stopped_at > AWAY_SECONDS, 60, "the time after which hosts are given up")
        nightshift.restart()
        for number, task_id in tasks.items():
            task = nightshift.wait_for(task_id, seconds=120)
            assert (task["exit_code"], task["attempt_no"], task["retries_used"]) == (number, 1, 0)
            nightshift.wait_for_log(task_id)
            assert nightshift.log(task_id) == output(number)
    finally:
        nightshift.stop()


def ended() -> range:
    return range(0, COUNT, 2)


def lines(number: int) -> int:
    return SHORT_LINES if number in ended() else LONG_LINES


def script(number: int, gate: Path) -> str:
    return SCRIPT.format(lines=lines(number), number=number, gate=gate)


def output(number: int) -> bytes:
    return b"".join(b"%d line %d\n" % (number, line) for line in range(1, lines(number) + 1))
