"""Every call of a host arrives twice, and every fifth once more, late and out of order: the outcome is the same."""

import random
from typing import Any

import pytest

from tasks.invariants.run import check
from tasks.models import SubAgent, Task
from tasks.scheduling.run import run_pass
from tests.tasks.protocol import PaperHost, finish, piece
from tests.tasks.test_flow import task

pytestmark = [pytest.mark.django_db, pytest.mark.matrix(25)]

TASKS, PIECES = 8, 4


class DoublingHost(PaperHost):
    """The answer that counts is the first or the second one, whichever the chance says."""

    chance = random.Random(0)
    late: list[tuple[str, Any, str | None]]

    def post(self, path: str, body: Any, credential: str | None = None) -> dict[str, Any]:
        if path == "register":  # spends a token: the host keeps the one answer that it got
            self.late = []
            return super().post(path, body, credential)
        answers = [PaperHost.post(self, path, body, credential) for _ in range(2)]
        if self.chance.random() < 0.2:
            self.late.append((path, body, credential))
        if self.late and self.chance.random() < 0.2:
            super().post(*self.late.pop(self.chance.randrange(len(self.late))))
        # A heartbeat that is known already brings nothing.
        return answers[0] if path == "heartbeat" else self.chance.choice(answers)


@pytest.mark.parametrize("seed", range(5))
def test_it_makes_no_difference(seed: int) -> None:
    DoublingHost.chance = random.Random(seed)
    host = DoublingHost()
    codes = {task().pk: number % 3 for number in range(TASKS)}
    while Task.objects.exclude(status__in=["completed", "failed"]).exists():
        run_pass()
        for assignment in host.beat()["assignments"]:
            executed(host, host.claim(assignment), codes[assignment["task_id"]])
    for late in host.late:
        PaperHost.post(host, *late)
    for ended in Task.objects.all():
        assert (ended.exit_code, ended.attempt_no) == (codes[ended.pk], 1)
        assert [event.verb for event in ended.events.all()].count("ended") == 1
    assert {log.stored_bytes for row in SubAgent.objects.all() for log in row.logs.all()} == {5 * PIECES}
    assert check() == []


def executed(host: DoublingHost, grant: dict[str, Any], code: int) -> None:
    host.report(grant, started={"pid": 7})
    for number in range(PIECES):
        host.report(grant, output=[piece(b"12345", 5 * number)])
    assert host.report(grant, finish=finish(code, size=5 * PIECES))["code"] == "ok"
