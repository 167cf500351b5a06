"""Many agents reconnect at the same moment after a restart of the server: nobody is lost, results come through at once.

FLEET_AGENTS changes their number; the figures are printed.
"""

import os
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from statistics import quantiles

import psutil
import pytest

from tests.chaos.fleet.fleet import Fleet, allow_many_connections, prepared_hosts
from tests.invariant_checker import violations_in
from tests.running import Nightshift, Site
from tests.waiting import wait_until

pytestmark = [pytest.mark.acceptance, pytest.mark.slow, pytest.mark.timeout(1500)]
AGENTS = int(os.environ.get("FLEET_AGENTS", "1000"))
SCRIPTS_END_WITHIN = 40.0
DRAINED_WITHIN = 60.0
SESSIONS_WITHIN = 180.0  # they come after results: nobody waits for one whose script has ended
P99_SECONDS = 5.0
MOST_AT_ONCE = 500


@pytest.fixture
def nightshift(prepared: Site, tmp_path: Path) -> Iterator[Nightshift]:
    allow_many_connections()
    running = Nightshift(prepared, tmp_path / "nightshift")
    yield running
    running.stop()


@pytest.fixture
def fleet(nightshift: Nightshift) -> Iterator[Fleet]:
    made = Fleet(nightshift.port, prepared_hosts(AGENTS, nightshift.environment()))
    yield made
    made.close()


@pytest.mark.matrix(67)
@pytest.mark.parametrize("has_session", [True, False], ids=["killed", "all_sessions_anew"])
def test_all_agents_reconnect_at_once(nightshift: Nightshift, fleet: Fleet, has_session: bool) -> None:
    """The server is killed under a fleet that beats, waits and reports; or, which is more work for it, every main agent
    has been restarted, too, and opens a session."""
    if has_session:
        nightshift.start()
        fleet.start()
        wait_until(lambda: all(agent.epoch is not None for agent in fleet.agents), 240, "every session")
        nightshift.kill_server()
        fleet.watch.forget()
    else:
        fleet.start()
    restarted, fleet_before = time.monotonic(), fleet.cpu_seconds()
    nightshift.start()
    well = time.monotonic()
    fleet.end_scripts(SCRIPTS_END_WITHIN)
    try:
        wait_for_the_end(nightshift, fleet)
    finally:
        tell(nightshift, fleet, well - restarted, time.monotonic() - well, fleet.cpu_seconds() - fleet_before)

    assert fleet.watch.wrong == []
    assert {attempt["state"] for task in range(1, AGENTS, 97) for attempt in nightshift.attempts(task)} == {"succeeded"}
    assert {len(nightshift.attempts(task)) for task in range(1, AGENTS, 97)} == {1}
    assert violations_in(nightshift.data_dir) == []
    assert percentiles(fleet.watch.finishes)[98] < P99_SECONDS


def wait_for_the_end(nightshift: Nightshift, fleet: Fleet) -> None:
    within = SCRIPTS_END_WITHIN + DRAINED_WITHIN
    wait_until(lambda: len(fleet.watch.finishes) == AGENTS, within, "every result to be taken")
    wait_until(lambda: statuses(nightshift) == {"completed": AGENTS}, within, "the queue to drain")
    wait_until(lambda: all(agent.sub_agent.is_delivered for agent in fleet.agents), within, "the output to be closed")
    wait_until(lambda: all(agent.epoch is not None for agent in fleet.agents), SESSIONS_WITHIN, "every session")


def percentiles(seconds: list[float]) -> list[float]:
    return quantiles(seconds, n=100)


def tell(nightshift: Nightshift, fleet: Fleet, start: float, all_over: float, fleet_cpu: float) -> None:
    """The figures are what this is for."""
    assert nightshift.server is not None
    server = psutil.Process(nightshift.server.pid).cpu_times()
    watch = fleet.watch
    lines = [f"{AGENTS} agents; load {os.getloadavg()[0]:.1f}; well {start:.1f} s after the restart began"]
    measured = {"finish reports": watch.finishes, "from script's end": watch.ends, "session": watch.sessions}
    for what, times in measured.items():
        if len(times) < 2:
            continue
        found = percentiles(times)
        lines.append(f"{what}: p50 {found[49]:.2f} s, p99 {found[98]:.2f} s, at most {max(times):.2f} s")
    lines.append(f"all over {all_over:.1f} s after it was well; CPU: server {server.user + server.system:.1f} s, ")
    lines[-1] += f"fleet {fleet_cpu:.1f} s; calls: {dict(watch.calls)}"
    print("\nfleet: " + "\nfleet: ".join(lines))  # noqa: T201


def statuses(nightshift: Nightshift) -> Counter[str]:
    found: Counter[str] = Counter()
    for low in range(1, AGENTS + 1, MOST_AT_ONCE):
        high = low + MOST_AT_ONCE - 1
        rows = nightshift.get(f"/api/tasks/?id_min={low}&id_max={high}&page_size={MOST_AT_ONCE}")["results"]
        found.update(row["status"] for row in rows)
    return found
