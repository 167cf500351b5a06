"""What must hold after each step: the product's own invariants (tasks.invariants), and what only a world can tell.

That is whatever is about two looks (final rows stay as they are, changes go along edges, a placement fitted when it was
made) or about what really happened on hosts. Each finding is a sentence with the number of the invariant.
"""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from django.db import connection

from agents.models import Agent
from tasks.invariants import capacity
from tasks.invariants.run import check
from tasks.models import Allocation, SubAgent, Task
from tasks.states import LIVE_STATES, SUB_AGENT_EDGES, TASK_EDGES, VOID_STATES, EndReason
from tests.machine.truth import Truth

RESULT = ("state", "end_reason", "exit_code", "digest")
TASK_RESULT = ("status", "end_reason", "exit_code")
SUB_AGENT_COLUMNS = ("id", "task_id", "fence", "ended_at", *RESULT)
TASK_COLUMNS = ("id", "end_time", "current_fence", *TASK_RESULT)


def _closure(edges: Any) -> set[tuple[str, str]]:
    """Several changes may lie between two looks."""
    reached = {(str(old), str(new)) for old, new in edges}
    while more := {(a, d) for a, b in reached for c, d in reached if b == c} - reached:
        reached |= more
    return reached


TASK_PATHS = _closure(TASK_EDGES)
SUB_AGENT_PATHS = _closure(SUB_AGENT_EDGES)


class Invariants:
    """Keeps what it saw last, because some promises are about two looks."""

    def __init__(self, truth: Truth, every: int = 1) -> None:
        """The product's own are many queries: they are asked at every `every`-th look that finds something new."""
        self._truth = truth
        self._every = every
        self._looks = 0
        self._tasks: dict[int, dict[str, Any]] = {}
        self._sub_agents: dict[str, dict[str, Any]] = {}
        self._allocations: set[int] = set()
        self._written: int | None = None

    def check(self, *, wholly: bool = False) -> list[str]:
        found = [*self._truth.wrong]
        if found or (self._nothing_was_written() and not wholly):
            return found
        self._looks += 1
        tasks = {row["id"]: row for row in Task.objects.order_by().values(*TASK_COLUMNS)}
        subs = {str(row["id"]): row for row in SubAgent.objects.order_by().values(*SUB_AGENT_COLUMNS)}
        for look in (self._changes, self._attempts, self._results, self._executions):
            found += look(tasks, subs)
        found += [*map(str, capacity.released_when_over()), *self.placed()]
        if wholly or self._looks % self._every == 0:
            found += map(str, check())
        self._tasks, self._sub_agents = tasks, subs
        return found

    def _nothing_was_written(self) -> bool:
        """SQLite counts the rows that a connection changed; elsewhere every look is a look."""
        count = getattr(connection.connection, "total_changes", None)
        before, self._written = self._written, count
        return count is not None and count == before

    def _changes(self, tasks: dict[int, Any], subs: dict[str, Any]) -> Iterator[str]:
        """I4: what is final stays as it is. I5: only legal changes."""
        for kind, old_rows, new_rows, paths, state, result in (
            ("task", self._tasks, tasks, TASK_PATHS, "status", TASK_RESULT),
            ("sub agent", self._sub_agents, subs, SUB_AGENT_PATHS, "state", RESULT),
        ):
            for key, old in old_rows.items():
                new = new_rows.get(key)
                if new is None:
                    yield f"I4: {kind} {key} is gone"
                elif old["end_time" if kind == "task" else "ended_at"] is not None:
                    if changed := [name for name in result if old[name] != new[name]]:
                        yield f"I4: {kind} {key} was final and {changed} changed: {old} -> {new}"
                elif old[state] != new[state] and (old[state], new[state]) not in paths:
                    yield f"I5: {kind} {key} went from {old[state]} to {new[state]}"

    def _attempts(self, tasks: dict[int, Any], subs: dict[str, Any]) -> Iterator[str]:
        """I1, I2: at most one live attempt, and a fence if and only if there is one."""
        live: defaultdict[int, list[int]] = defaultdict(list)
        for row in subs.values():
            if row["state"] in LIVE_STATES:
                live[row["task_id"]].append(row["fence"])
        for task_id, task in tasks.items():
            if live[task_id] != ([] if task["current_fence"] is None else [task["current_fence"]]):
                yield f"I2: #{task_id} has fence {task['current_fence']} and live attempts {live[task_id]}"

    def _results(self, tasks: dict[int, Any], subs: dict[str, Any]) -> Iterator[str]:
        """I11: what is stored is what a host said; P2: what was acknowledged is stored."""
        for key, row in subs.items():
            if row["digest"]:
                said = self._truth.results[key].get(row["digest"])
                if said is None or (said["reason"], said["exit_code"]) != (row["end_reason"], row["exit_code"]):
                    yield f"I11: sub agent {key} ended as {row['end_reason']} {row['exit_code']}, its host said {said}"
            if (known := self._truth.acknowledged.get(key)) and known["digest"] != row["digest"]:
                yield f"P2: the result of sub agent {key} was acknowledged and is not there"
            if row["end_reason"] == EndReason.NO_RECORD:
                yield f"I11: sub agent {key} is said to have no record, and no host here ever lost one"

    def _executions(self, tasks: dict[int, Any], subs: dict[str, Any]) -> Iterator[str]:
        """I8: nobody executes what was not claimed, and what is void was never executed."""
        for key, count in self._truth.executions.items():
            if count and subs[key]["state"] in ("assigned", *VOID_STATES):
                yield f"I8: sub agent {key} is {subs[key]['state']} and was executed"

    def placed(self) -> Iterator[str]:
        """I3: what is given away fits at that moment. To be asked after each pass: the host may shrink later."""
        held = list(Allocation.objects.filter(released_at__isnull=True))
        fresh = {row.agent_id for row in held if row.pk not in self._allocations}
        for agent in Agent.objects.filter(pk__in=fresh):
            used = sum(row.cpu_cores for row in held if row.agent_id == agent.pk)
            if used > agent.cpu_cores:
                yield f"I3: {agent.name} has {agent.cpu_cores} cores and {used} were given away"
        self._allocations |= {row.pk for row in held}
