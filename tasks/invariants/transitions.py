"""I5 and I16: every change of state is a legal one and has exactly one row in the history, whose chain has no holes."""

from collections.abc import Iterable, Iterator
from typing import Any

from django.db.models import Count, F, OuterRef, Q, QuerySet, Subquery, Value, Window
from django.db.models.functions import Coalesce, Lag

from agents.models import Agent, AgentEvent
from agents.states import Standing
from tasks.invariants.violation import Violation, broken, some
from tasks.models import Reservation, ReservationEvent, SubAgent, Task, TaskEvent
from tasks.states import RESERVATION_EDGES, TASK_EDGES


def tasks_go_along_edges() -> Iterator[Violation]:
    changes = TaskEvent.objects.exclude(to_state="")
    yield from _illegal(changes, "task", TASK_EDGES)
    yield from _broken_chains(changes, "task")
    yield from _other_than_told(Task.objects.all(), changes, "task", "status")


def reservations_go_along_edges() -> Iterator[Violation]:
    changes = ReservationEvent.objects.exclude(to_state="")
    yield from _illegal(changes, "reservation", RESERVATION_EDGES)
    yield from _broken_chains(changes, "reservation")
    yield from _other_than_told(Reservation.objects.all(), changes, "reservation", "state")


def hosts_stand_as_told() -> Iterator[Violation]:
    decisions = AgentEvent.objects.filter(to_state__in=Standing.values)
    told = _last(decisions, "agent")
    hosts = Agent.objects.annotate(told=Coalesce(Subquery(told), Value(Standing.ACTIVE.value)))
    for name, standing, said in some(hosts.exclude(standing=F("told")).values_list("name", "standing", "told")):
        yield broken(16, f"{name} is {standing}, but its history says {said}.", name)


def sub_agents_have_their_rows() -> Iterator[Violation]:
    """A placement for each attempt, a claim for each that was claimed, at most one start."""
    placed = Task.objects.annotate(n=Count("events", filter=Q(events__verb="placed"))).exclude(n=F("attempt_no"))
    for task_id, times, attempts in some(placed.values_list("pk", "n", "attempt_no")):
        yield broken(16, f"Task {task_id} was placed {times} times and has {attempts} attempts.", task_id)
    counts = SubAgent.objects.annotate(
        claims=Count("events", filter=Q(events__verb="claimed")),
        starts=Count("events", filter=Q(events__verb="started")),
    )
    was_claimed = ~Q(state__in=("assigned", "revoked", "rejected"))
    wrong = Q(was_claimed, ~Q(claims=1)) | Q(~was_claimed, claims__gt=0) | Q(starts__gt=1)
    for row in some(counts.filter(wrong).order_by("fence").values("pk", "task_id", "state", "claims")):
        sentence = f"A sub agent of task {row['task_id']} is {row['state']} with {row['claims']} claims in the history."
        yield broken(16, sentence, row["task_id"], row["pk"])


def _illegal(changes: QuerySet[Any], name: str, edges: Iterable[tuple[str, str]]) -> Iterator[Violation]:
    legal = Q()
    for old, new in edges:
        legal |= Q(from_state=old, to_state=new)
    for row in some(changes.exclude(legal).values(f"{name}_id", "from_state", "to_state")):
        number, old, new = row[f"{name}_id"], row["from_state"] or "nothing", row["to_state"]
        yield broken(5, f"{name.capitalize()} {number} went from {old} to {new}, which no rule allows.", number)


def _broken_chains(changes: QuerySet[Any], name: str) -> Iterator[Violation]:
    before = Window(Lag("to_state", default=Value("")), partition_by=F(f"{name}_id"), order_by=F("id").asc())
    holes = changes.annotate(before=before).exclude(from_state=F("before"))
    for row in some(holes.values(f"{name}_id", "before", "from_state", "verb")):
        number, was = row[f"{name}_id"], row["before"] or "nothing"
        sentence = f"{name.capitalize()} {number} was {was}; its next row ({row['verb']}) begins at {row['from_state']}"
        yield broken(16, f"{sentence or 'nothing'}.", number)


def _other_than_told(rows: QuerySet[Any], changes: QuerySet[Any], name: str, column: str) -> Iterator[Violation]:
    told = rows.annotate(told=Coalesce(Subquery(_last(changes, name)), Value("")))
    for number, now, said in some(told.exclude(**{column: F("told")}).values_list("pk", column, "told")):
        yield broken(16, f"{name.capitalize()} {number} is {now}, but its history says {said or 'nothing'}.", number)


def _last(changes: QuerySet[Any], name: str) -> QuerySet[Any]:
    return changes.filter(**{name: OuterRef("pk")}).order_by("-id").values("to_state")[:1]
