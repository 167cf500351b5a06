"""I6 and I15: nothing is claimed after a cancel, nor by a host that an operator had taken out of service."""

from collections.abc import Iterator

from django.db.models import Exists, F, OuterRef, Q, Subquery

from agents.models import AgentEvent
from agents.states import Standing
from tasks.invariants.violation import Violation, broken, some
from tasks.models import SubAgent, TaskEvent
from tasks.states import FINAL_STATUSES


def no_claim_after_cancel() -> Iterator[Violation]:
    """Rows of one task are in the order of their commits: its row is locked meanwhile."""
    earlier = TaskEvent.objects.filter(task=OuterRef("task"), id__lt=OuterRef("id"))
    over = Q(verb="cancel_requested") | Q(to_state__in=FINAL_STATUSES)
    late = TaskEvent.objects.filter(Exists(earlier.filter(over)), verb="claimed")
    for row in some(late.values("task_id", "sub_agent_id")):
        sentence = f"Task {row['task_id']} was claimed after it had been canceled or had ended."
        yield broken(6, sentence, row["task_id"], row["sub_agent_id"])


def no_claim_while_out_of_service() -> Iterator[Violation]:
    """A gang whose hosts had all accepted before goes on, so only tasks on one host are looked at."""
    decided = AgentEvent.objects.filter(to_state__in=Standing.values)
    told = decided.filter(agent=OuterRef("agent"), at__lte=OuterRef("claimed_at")).order_by("-id")
    rows = SubAgent.objects.filter(agent__in=decided.values("agent"), claimed_at__isnull=False, task__node_count=1)
    rows = rows.annotate(told=Subquery(told.values("to_state")[:1])).filter(told__isnull=False)
    for row in some(rows.exclude(told=Standing.ACTIVE).annotate(host=F("agent__name")).values("pk", "host", "told")):
        yield broken(15, f"{row['host']} claimed a task while it was {row['told']}.", row["pk"])
