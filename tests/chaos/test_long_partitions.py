"""A host is cut off for longer than the server waits: its tasks are given up, and what comes later changes no end."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.processes import is_running, script_pid
from tests.chaos import scripts
from tests.chaos.namespaces import Lan, missing
from tests.chaos.proxy import Proxy
from tests.chaos.scripts import Witness
from tests.running import AgentProcess, Nightshift, Site
from tests.waiting import wait_until

pytestmark = [pytest.mark.acceptance, pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.matrix(23)]

SETTINGS = {"AMNESTY_SECONDS": "2", "SUSPECT_SECONDS": "3", "UNREACHABLE_SECONDS": "8", "LOST_AFTER_SECONDS": "4"}
MACHINE = {"cpu_cores": 4, "memory_mib": 4096}


@pytest.fixture(params=["proxy", "namespace"])
def lan(request: pytest.FixtureRequest) -> Iterator[Lan | None]:
    if request.param == "proxy":
        yield None
    elif reason := missing():
        pytest.skip(reason)
    else:
        with Lan() as made:
            yield made


@pytest.fixture
def nightshift(prepared: Site, tmp_path: Path, lan: Lan | None) -> Iterator[Nightshift]:
    """With a host that stays: while none is heard at all, none is given up."""
    settings = {**SETTINGS, **({"ALLOWED_HOSTS": lan.address} if lan else {})}
    running = Nightshift(prepared, tmp_path / "nightshift", settings)
    running.start()
    running.start_agent(MACHINE, name="near")
    yield running
    running.stop()


@dataclass(frozen=True)
class FarHost:
    agent: AgentProcess
    cut: Callable[[], None]
    heal: Callable[[], None]


@pytest.fixture
def far(nightshift: Nightshift, lan: Lan | None) -> Iterator[FarHost]:
    """Cut off by a proxy that swallows everything, or by pulling the cable out of its namespace."""
    with Proxy(("127.0.0.1", nightshift.port), host=lan.address if lan else "127.0.0.1") as proxy:
        net = lan.host("far") if lan else None
        inside = net.inside if net else ()
        agent = nightshift.start_agent(MACHINE, name="far", server_url=proxy.url, inside=inside)
        found = FarHost(agent, net.cut if net else proxy.cut, net.heal if net else proxy.heal)
        yield found
        found.heal()
        agent.stop()


def told_late(nightshift: Nightshift, task_id: int) -> dict[str, Any] | None:
    events = nightshift.get(f"/api/tasks/{task_id}/events/")["results"]
    found: list[dict[str, Any]] = [event for event in events if event["verb"] == "late_result"]
    assert len(found) <= 1
    return found[0] if found else None


def test_a_lost_task_stays_lost_and_its_result_is_kept_beside(
    nightshift: Nightshift, far: FarHost, tmp_path: Path
) -> None:
    """One script ends unheard, the other still runs when the host is back, and is stopped. No attempt follows."""
    witness = tmp_path / "witness"
    witness.mkdir()
    fields = {"environment": {"WITNESS": str(witness)}, "hosts": ["far"], "grace_seconds": 1}
    ends, lasts = (nightshift.submit(scripts.until_told(3), **fields) for _ in range(2))
    for task_id in (ends, lasts):
        nightshift.wait_for(task_id, "running")
        wait_until(lambda task_id=task_id: nightshift.log(task_id), 30, "the first output")
    pids = {task_id: script_pid(far.agent, task_id) or 0 for task_id in (ends, lasts)}

    far.cut()
    for task_id in (ends, lasts):
        lost = nightshift.wait_for(task_id, seconds=90)
        assert (lost["status"], lost["end_reason"], lost["exit_code"]) == ("failed", "host_lost", None)
    assert all(is_running(pid) for pid in pids.values())
    scripts.tell(witness, ends)
    wait_until(lambda: not is_running(pids[ends]), 30, "one script to end")
    assert told_late(nightshift, ends) is None

    far.heal()
    wait_until(lambda: told_late(nightshift, ends), 90, "the result that comes late")
    wait_until(lambda: told_late(nightshift, lasts), 90, "the end of the script that was stopped")
    assert not is_running(pids[lasts])
    late = told_late(nightshift, ends)
    assert late is not None
    assert late["detail"]["exit_code"] == 3
    for task_id in (ends, lasts):
        task = nightshift.task(task_id)
        assert (task["status"], task["end_reason"], task["exit_code"]) == ("failed", "host_lost", None)
        assert [attempt["state"] for attempt in nightshift.attempts(task_id)] == ["lost"]
        nightshift.wait_for_log(task_id, seconds=90)
        assert nightshift.log(task_id) == Witness(witness, task_id).wrote()
        assert Witness(witness, task_id).executions() == 1
    whole = nightshift.submit("true\n", hosts=["far"], cpu_cores=MACHINE["cpu_cores"])
    assert nightshift.wait_for(whole)["status"] == "completed"
