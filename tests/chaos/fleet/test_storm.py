"""Many agents reconnect at the same moment after a restart of the server: nobody is lost, results come through at once.

FLEET_AGENTS changes their number; the figures are printed.
"""

import os
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from statistics import quantiles

import pytest

from tests.chaos.fleet.fleet import Fleet, allow_many_connections
from tests.invariant_checker import violations_in
from tests.running import Nightshift, Site
from tests.waiting import wait_until

pytestmark = [pytest.mark.acceptance, pytest.mark.slow, pytest.mark.timeout(1500)]
AGENTS = int(os.environ.get("FLEET_AGENTS", "1000"))
SCRIPTS_END_WITHIN = 40.0
MOST_AT_ONCE = 500


@pytest.fixture
def nightshift(prepared: Site, tmp_path: Path) -> Iterator[Nightshift]:
    allow_many_connections()
    running = Nightshift(prepared, tmp_path / "nightshift")
    running.start()
    yield running
    running.stop()


@pytest.fixture
def fleet(nightshift: Nightshift) -> Iterator[Fleet]:
    made = Fleet(nightshift.port, nightshift.site.enrolment_token)
    yield made
    made.close()


@pytest.mark.matrix(67)
def test_all_agents_reconnect_at_once(nightshift: Nightshift, fleet: Fleet) -> None:
    fleet.enrol(AGENTS)
    fleet.start()
    for number in range(AGENTS):
        nightshift.submit("true\n", name=f"storm {number}", cpu_cores=2)
    wait_until(lambda: len(fleet.sub_agents()) == AGENTS, 600, "every agent to have a task")
    wait_until(lambda: statuses(nightshift)["running"] == AGENTS, 300, "all tasks to run")

    nightshift.kill_server()
    fleet.reconnect()
    fleet.watch.finishes.clear()
    began = time.monotonic()
    nightshift.start()
    fleet.end_scripts(SCRIPTS_END_WITHIN)
    wait_until(lambda: len(fleet.watch.finishes) == AGENTS, SCRIPTS_END_WITHIN + 60, "the queue to drain")
    wait_until(lambda: all(agent.epoch is not None for agent in fleet.agents), 60, "every session")
    drained = time.monotonic() - began
    p50, p99 = (quantiles(fleet.watch.finishes, n=100)[at] for at in (49, 98))
    print(  # noqa: T201 - the figures are what this is for
        f"fleet: {AGENTS} agents, finish reports p50 {p50:.2f} s, p99 {p99:.2f} s, "
        f"sessions at most {max(fleet.watch.sessions):.1f} s, all over {drained:.1f} s after the restart began, "
        f"{fleet.watch.retries} retries of sub agents"
    )
    assert fleet.watch.wrong == []
    assert statuses(nightshift) == {"completed": AGENTS}
    assert {attempt["state"] for task in range(1, AGENTS, 97) for attempt in nightshift.attempts(task)} == {"succeeded"}
    assert violations_in(nightshift.data_dir) == []
    assert p99 < 5


def statuses(nightshift: Nightshift) -> Counter[str]:
    found: Counter[str] = Counter()
    for low in range(1, AGENTS + 1, MOST_AT_ONCE):
        high = low + MOST_AT_ONCE - 1
        rows = nightshift.get(f"/api/tasks/?id_min={low}&id_max={high}&page_size={MOST_AT_ONCE}")["results"]
        found.update(row["status"] for row in rows)
    return found
