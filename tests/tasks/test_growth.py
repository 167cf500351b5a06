"""Nothing that happens by itself reads a table that grows with the history, on SQLite: turns of the loops, and what one
task's life asks of the server."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection

from scheduler_site.retention import everything
from scheduler_site.shared.actors import SYSTEM
from tasks.agent_tree import agent_tree
from tasks.models import SubAgent, Task
from tasks.recovery import reaper_turn
from tasks.reporting.flush import flush_turn
from tasks.retention.policy import Policy
from tasks.scheduling.run import run_pass
from tasks.states import LIVE_STATES
from tasks.submission import submit
from tests.factories import make_task, make_user
from tests.tasks.protocol import PaperHost, finish, piece

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL plans by what it counted"),
]

GROWING = {
    "tasks_allocatedgpu",
    "tasks_allocation",
    "tasks_dependency",
    "tasks_idempotencykey",
    "tasks_outputlog",
    "tasks_subagent",
    "tasks_task",
    "tasks_taskevent",
}
# Partial indexes, read whole: of what is held, left to settle or to remove just now.
SMALL = {"allocation_held", "task_unsettled", "output_file_left", "task_queue", "task_back_off", "sub_agent_live"}


@contextmanager
def whole_reads() -> Iterator[list[str]]:
    """Of the statements within: which read all of a table, or of an index that grows."""
    found: list[str] = []
    statements: dict[str, Any] = {}

    def noted(execute: Callable[..., Any], statement: str, values: Any, many: bool, *more: Any) -> Any:
        statements.setdefault(statement, values[0] if many else values)
        return execute(statement, values, many, *more)

    with connection.execute_wrapper(noted):
        yield found
    for statement, values in statements.items():
        found += [f"{step}: {statement}" for step in steps(statement, values) if is_whole(step)]


def steps(statement: str, values: Any) -> list[str]:
    stops_early = "WHERE" not in statement and "LIMIT" in statement
    if stops_early or not statement.lstrip().startswith(("SELECT", "UPDATE", "DELETE", "WITH")):
        return []
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {statement}", values)
        return [str(row[3]) for row in cursor.fetchall()]


def is_whole(step: str) -> bool:
    """Also all that ever was on one host, or inside of no reservation."""
    words = step.split()
    if step.endswith(("(agent_id=?)", "(inside_id=?)")):
        return words[1] in GROWING and not SMALL & set(words)
    return words[0] == "SCAN" and words[1] in GROWING and words[-1] not in SMALL


@pytest.fixture(autouse=True)
def _a_host_a_waiting_and_an_ended_task() -> None:
    make_task("completed")
    make_task("blocked")
    submit({"name": "waits", "script_content": "true\n", "cpu_cores": 999, "wait_for_host": True}, actor=SYSTEM)


@pytest.mark.parametrize("turn", [reaper_turn, flush_turn, run_pass, agent_tree], ids=lambda turn: turn.__name__)
def test_turns_of_the_loops(turn: Callable[[], object]) -> None:
    with whole_reads() as found:
        turn()
    assert found == []


def test_a_sweep_that_finds_nothing() -> None:
    with whole_reads() as found:
        list(everything(Policy(90, 0, 90, 30)))
    assert found == []


def test_the_life_of_a_task(tmp_path: Any, settings: Any) -> None:
    settings.TASK_LOG_DIR = tmp_path
    with whole_reads() as found:
        host = PaperHost()
        wanted = {"name": "t", "script_content": "true\n", "hosts": [host.name]}
        task = submit(wanted, actor=SYSTEM, user=make_user(), idempotency_key="k")
        submit({"name": "u", "script_content": "true\n", "depends_on": [{"id": task.pk}]}, actor=SYSTEM)
        while Task.objects.filter(pk=task.pk, current_fence=None).exists():
            run_pass()
        (assignment,) = [one for one in host.beat()["assignments"] if one["task_id"] == task.pk]
        grant = host.claim(assignment)
        host.report(grant, started={"pid": 7})
        host.report(grant, output=[piece(b"abc")], usage={"cpu_usage": 1.0})
        host.report(grant, finish=finish(size=3))
        host.report(grant, log_close=[{"stream": "out", "size": 3, "sha256": hashlib.sha256(b"abc").hexdigest()}])
        host.open_session()
        run_pass()
    task.refresh_from_db()
    assert task.status == "completed"
    assert found == []


def test_what_reads_all_is_found() -> None:
    with whole_reads() as found:
        list(Task.objects.filter(name="x"))
        list(SubAgent.objects.filter(state__in=LIVE_STATES).order_by())
    assert [step.split(":")[0] for step in found] == ["SCAN tasks_task", "SCAN tasks_subagent"]
