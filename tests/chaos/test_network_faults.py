"""Real agents behind a bad network: every script is executed once, every byte arrives once, nothing is given up."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.processes import is_running, script_pid
from tests.chaos import faults, scripts
from tests.chaos.faults import Fault
from tests.chaos.proxy import Proxy
from tests.chaos.scripts import Witness
from tests.running import AgentProcess, Nightshift, Site
from tests.waiting import wait_until

pytestmark = [pytest.mark.acceptance, pytest.mark.slow, pytest.mark.timeout(300)]
VOID = ("revoked", "rejected", "not_started")


@pytest.fixture(scope="module")
def nightshift(prepared: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nightshift]:
    """A server that calls hosts unreachable sooner than others do."""
    settings = {"AMNESTY_SECONDS": "2", "SUSPECT_SECONDS": "3", "UNREACHABLE_SECONDS": "20"}
    running = Nightshift(prepared, tmp_path_factory.mktemp("nightshift"), settings)
    running.start()
    yield running
    running.stop()


@pytest.fixture
def proxy(nightshift: Nightshift) -> Iterator[Proxy]:
    with Proxy(("127.0.0.1", nightshift.port), seed=1) as running:
        yield running


@pytest.fixture
def host(nightshift: Nightshift, proxy: Proxy, request: pytest.FixtureRequest) -> Iterator[AgentProcess]:
    name = f"host-{abs(hash(request.node.name)) % 10**6}"
    agent = nightshift.start_agent({"cpu_cores": 8, "memory_mib": 8192}, name=name, server_url=proxy.url)
    yield agent
    proxy.clear()
    proxy.heal()
    agent.stop()


@pytest.fixture
def witness(tmp_path: Path) -> Path:
    folder = tmp_path / "witness"
    folder.mkdir()
    return folder


def submit(nightshift: Nightshift, host: AgentProcess, witness: Path, script: str, **fields: object) -> int:
    """For this host: those of the tests before are gone, and nobody has said so."""
    return nightshift.submit(script, environment={"WITNESS": str(witness)}, hosts=[host.log.stem], **fields)


def started(nightshift: Nightshift, host: AgentProcess, witness: Path, script: str) -> tuple[int, int]:
    """Task and process of a script that has begun to write."""
    task_id = submit(nightshift, host, witness, script)
    nightshift.wait_for(task_id, "running")
    wait_until(lambda: nightshift.log(task_id), 20, "the first output")
    pid = script_pid(host, task_id)
    assert pid is not None
    return task_id, pid


def assert_done_once(nightshift: Nightshift, witness: Path, task_id: int, code: int = 0) -> None:
    """Hosts that could not be reached in time may have had it before, and never executed it."""
    task = nightshift.wait_for(task_id, seconds=150)
    attempts = nightshift.attempts(task_id)
    states = {attempt["attempt_no"]: attempt["state"] for attempt in attempts}
    assert (task["end_reason"], task["exit_code"]) == ("exit", code), attempts
    nightshift.wait_for_log(task_id, seconds=120)
    assert nightshift.log(task_id) == Witness(witness, task_id, len(attempts)).wrote()
    executed = {number for number in states if Witness(witness, task_id, number).executions() == 1}
    assert executed == {number for number, state in states.items() if state not in VOID} == {len(attempts)}


@pytest.mark.matrix(23)
@pytest.mark.parametrize("replies_only", [False, True], ids=["both ways", "replies only"])
def test_a_partition_until_the_host_is_called_unreachable(
    nightshift: Nightshift, proxy: Proxy, host: AgentProcess, witness: Path, replies_only: bool
) -> None:
    """Longer than a host's silence may be until it counts as offline; the script does not notice."""
    task_id, pid = started(nightshift, host, witness, scripts.until_told(3))
    proxy.cut(replies_only=replies_only)
    if replies_only:
        wait_until(lambda: proxy.counts["cut"] > 10, 120, "calls into the void")
    else:
        wait_until(lambda: "host unreachable" in nightshift.task(task_id)["badges"], 60, "the host to be called away")
    assert (nightshift.task(task_id)["status"], is_running(pid)) == ("running", True)
    proxy.heal()
    wait_until(lambda: not nightshift.task(task_id)["badges"], 60, "the badge to go")
    scripts.tell(witness, task_id)
    assert_done_once(nightshift, witness, task_id, 3)


REGIMES: dict[str, tuple[tuple[Fault, str, float], ...]] = {
    "replies lost": ((faults.drop_reply, "/agent/v1/", 0.3),),
    "connections reset": ((faults.reset, "/agent/v1/", 0.3),),
    "doubled and late": ((faults.late(0.7), "/agent/v1/", 0.2), (faults.duplicate, "/agent/v1/", 1.0)),
    "doubled at once": ((faults.duplicate_at_once, "/agent/v1/", 1.0),),
    "damaged": (
        (faults.truncate_request, "/agent/v1/", 0.15),
        (faults.truncate_reply, "/agent/v1/", 0.15),
        (faults.corrupt_request, "/log?", 0.3),
        (faults.corrupt_reply, "/log?", 0.3),
    ),
}


@pytest.mark.parametrize(
    "regime",
    [
        pytest.param("replies lost", marks=pytest.mark.matrix(24)),
        pytest.param("connections reset", marks=pytest.mark.matrix(24)),
        pytest.param("doubled and late", marks=pytest.mark.matrix(25)),
        pytest.param("doubled at once", marks=pytest.mark.matrix(25)),
        pytest.param("damaged", marks=pytest.mark.matrix(31)),
    ],
)
def test_a_bad_network_loses_and_doubles_nothing(
    nightshift: Nightshift, proxy: Proxy, host: AgentProcess, witness: Path, regime: str
) -> None:
    for fault, path, share in REGIMES[regime]:
        proxy.fail(fault, path=path, share=share)
    quick = [submit(nightshift, host, witness, scripts.counting(5, n % 3), cpu_cores=0.5) for n in range(12)]
    loud = [submit(nightshift, host, witness, scripts.chatty(4000, n), cpu_cores=0.5) for n in range(3)]
    for n, task_id in enumerate(quick):
        assert_done_once(nightshift, witness, task_id, n % 3)
    for n, task_id in enumerate(loud):
        assert_done_once(nightshift, witness, task_id, n)
    assert all(proxy.counts[fault.__name__] for fault, _, _ in REGIMES[regime])  # type: ignore[attr-defined]


@pytest.mark.matrix(26)
def test_answers_that_stall_for_ever(nightshift: Nightshift, proxy: Proxy, host: AgentProcess, witness: Path) -> None:
    """The deadline of an exchange is 15 s, so a host that met one stall is heard again before 20 s."""
    task_id, pid = started(nightshift, host, witness, scripts.until_told())
    since = time.monotonic()
    for path in ("/heartbeat", "/report", "/wait"):
        proxy.fail(faults.stall, path=path, times=1)
    wait_until(lambda: proxy.counts["stall"] == 3, 60, "three answers that stall")
    calls = len(proxy.requests)
    wait_until(lambda: sum("/heartbeat" in path for _, path in proxy.requests[calls:]) >= 2, 60, "beats again")
    assert proxy.longest_gap("/heartbeat", since) < 20
    assert is_running(pid)
    scripts.tell(witness, task_id)
    assert_done_once(nightshift, witness, task_id)


@pytest.mark.matrix(27)
@pytest.mark.parametrize(
    "fault", [faults.bad_gateway, faults.captive_portal, faults.redirect], ids=lambda fault: fault.__name__
)
def test_pages_that_are_not_the_servers(
    nightshift: Nightshift, proxy: Proxy, host: AgentProcess, witness: Path, fault: Fault
) -> None:
    """Network errors, all of them: no redirect is followed, no task is ended."""
    task_id, pid = started(nightshift, host, witness, scripts.until_told())
    proxy.fail(fault)
    wait_until(lambda: proxy.counts[fault.__name__] > 6, 120, "wrong pages")  # type: ignore[attr-defined]
    assert is_running(pid)
    proxy.clear()
    scripts.tell(witness, task_id)
    assert_done_once(nightshift, witness, task_id)
    assert proxy.trapped == []


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(faults.refused("401 Unauthorized", "unauthorized"), marks=pytest.mark.matrix(28), id="401"),
        pytest.param(faults.refused("404 Not Found", "unknown_sub_agent"), marks=pytest.mark.matrix(29), id="404"),
        pytest.param(faults.refused("404 Not Found"), marks=pytest.mark.matrix(29), id="404 without a code"),
    ],
)
def test_a_server_that_knows_nobody_for_a_while(
    nightshift: Nightshift, proxy: Proxy, host: AgentProcess, witness: Path, fault: Fault
) -> None:
    """A bad deployment, or the wrong database: scripts run on, are kept on disk, and everything arrives afterwards."""
    task_id, pid = started(nightshift, host, witness, scripts.counting(200, 4))
    proxy.fail(fault)
    wait_until(lambda: not is_running(pid), 60, "the script to end meanwhile")
    proxy.clear()
    assert_done_once(nightshift, witness, task_id, 4)
