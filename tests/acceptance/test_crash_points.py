"""The real server killed at each point of a task's way, then started again: nothing lost, doubled or forgotten."""

import contextlib
import random
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from tests.running import Nightshift, Site
from tests.waiting import wait_until

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300)]

POINTS = [
    "place.before_commit",
    "place.after_commit",
    "claims_ahead.before_reply",
    "output.before_row",
    "output.before_reply",
    "finish.before_commit",
    "finish.before_reply",
    "end.before_news",
]
IN_GATE, SLOW = "finish.before_reply", [pytest.mark.slow]
SCRIPT = 'echo "$TASK_ATTEMPT" >>{witness}; for i in 1 2 3; do echo line $i; sleep 0.1; done; exit {code}\n'
OUTPUT = b"line 1\nline 2\nline 3\n"


class Crashing:
    """A server with failpoints and one host. What it is asked survives its death, as a careful client's calls do."""

    def __init__(self, nightshift: Nightshift) -> None:
        self.nightshift = nightshift
        nightshift.start()
        nightshift.start_agent()
        self.witnesses: dict[int, Path] = {}

    def restart(self, failpoints: str) -> None:
        self.nightshift.settings = {"FAILPOINTS": failpoints} if failpoints else {}
        self.nightshift.restart()

    def submit(self, name: str, code: int, **fields: object) -> int:
        """Asked again under the same key when the server died over it."""
        witness = self.nightshift.folder / f"witness-{name}"
        body = {"name": name, "script_content": SCRIPT.format(witness=witness, code=code), "cpu_cores": 0.1, **fields}
        try:
            reply = self._post(body, name)
        except requests.ConnectionError:
            self.recover()
            reply = self._post(body, name)
        task_id = int(reply.json()["id"])
        self.witnesses[task_id] = witness
        return task_id

    def _post(self, body: dict[str, object], key: str) -> requests.Response:
        url = f"{self.nightshift.url}/api/tasks/"
        reply = self.nightshift.http.post(url, json=body, headers={"Idempotency-Key": key}, timeout=30)
        assert reply.ok, reply.text
        return reply

    def recover(self) -> None:
        """Waits for the death that was ordered, then starts it without orders."""
        wait_until(self.is_dead, 60, "the server to die where it was told to")
        self.restart("")

    def is_dead(self) -> bool:
        server = self.nightshift.server
        assert server is not None
        return not server.is_alive()

    def assert_right(self, task_id: int, code: int) -> None:
        task = self.nightshift.wait_for(task_id, seconds=90)
        assert (task["exit_code"], task["attempt_no"]) == (code, 1)
        self.nightshift.wait_for_log(task_id)
        assert self.nightshift.log(task_id) == OUTPUT
        assert self.witnesses[task_id].read_text() == "1\n"


@pytest.fixture
def crashing(prepared: Site, tmp_path: Path) -> Iterator[Crashing]:
    nightshift = Nightshift(prepared, tmp_path / "nightshift")
    try:
        yield Crashing(nightshift)
    finally:
        nightshift.stop()


@pytest.mark.matrix(12)
@pytest.mark.parametrize(
    "point",
    [point if point == "finish.before_reply" else pytest.param(point, marks=pytest.mark.slow) for point in POINTS],
)
def test_server_killed_at(crashing: Crashing, point: str) -> None:
    crashing.restart(f"{point}=kill")
    first = crashing.submit("first", 5)
    if crashing.nightshift.settings:
        crashing.recover()
    second = crashing.submit("second", 0, depends_on=[{"id": first, "kind": "afterany"}])
    crashing.assert_right(first, 5)
    crashing.assert_right(second, 0)


@pytest.mark.slow
@pytest.mark.matrix(12)
@pytest.mark.parametrize("seed", range(2))
def test_server_killed_at_any_passage(crashing: Crashing, seed: int) -> None:
    """Many tasks at once, the server killed again and again at a random passage of a random point."""
    chance = random.Random(seed)
    tasks: dict[int, int] = {}

    def submit_one() -> int:
        code = chance.choice([0, 3])
        task_id = crashing.submit(f"task-{seed}-{len(tasks)}", code)
        tasks[task_id] = code
        return task_id

    for _turn in range(5):
        point = chance.choice(POINTS)
        most = 2 if point == "claims_ahead.before_reply" else 5  # what finds no nonce is claimed in another way
        crashing.restart(f"{point}=kill@{chance.randint(1, most)}")
        for _ in range(6):
            submit_one()
        submit_until_death(crashing, submit_one)
    for task_id, code in tasks.items():
        crashing.assert_right(task_id, code)


def submit_until_death(crashing: Crashing, submit_one: Callable[[], int]) -> None:
    """How often a point is passed depends on the moment: one answer may grant all that wait, or one."""
    for _ in range(20):
        if not crashing.nightshift.settings:
            return  # it died over a submission, and was started again
        with contextlib.suppress(requests.ConnectionError):
            crashing.nightshift.wait_for(submit_one())
        if crashing.is_dead():
            crashing.recover()
    assert not crashing.nightshift.settings, "20 more tasks, and the server did not die where it was told to"


@pytest.mark.slow
@pytest.mark.matrix(12)
def test_server_killed_between_two_expiries(prepared: Site, tmp_path: Path) -> None:
    """Two assignments that nobody accepts: the reaper dies after it took back the first."""
    orders = {"FAILPOINTS": "reaper.between_expiries=kill", "CLAIM_SECONDS": "1", "AMNESTY_SECONDS": "1"}
    nightshift = Nightshift(prepared, tmp_path / "nightshift", orders)
    nightshift.start()
    try:
        agent, server = nightshift.start_agent(), nightshift.server
        assert server is not None
        agent.child.send_signal(signal.SIGSTOP)
        tasks = [nightshift.submit(f"echo {number}\n", cpu_cores=0.1) for number in range(2)]
        wait_until(lambda: not server.is_alive(), 60, "the reaper to die")
        nightshift.settings = {}
        nightshift.restart()
        agent.child.send_signal(signal.SIGCONT)
        assert [nightshift.wait_for(task_id)["status"] for task_id in tasks] == ["completed"] * 2
    finally:
        agent.child.send_signal(signal.SIGCONT)
        nightshift.stop()
