"""Sentences and badges about gangs: which member they are about."""

from typing import Any

import pytest
from django.utils import timezone

from tasks import describe, querysets
from tests.factories import make_agent, make_sub_agent, make_task

pytestmark = pytest.mark.django_db


def test_a_gang_tells_of_the_member_that_is_not_heard() -> None:
    task = make_task(node_count=2)
    make_sub_agent(task, make_agent("gpu-1"))
    make_sub_agent(task, make_agent("gpu-2"), attempt_no=1, rank=1, unreachable_since=timezone.now())
    loaded = querysets.for_lists().get(pk=task.pk)
    assert describe.badges(loaded, describe.to_be_told_of(loaded)) == ["host unreachable"]
    assert loaded.latest_sub_agent.rank == 0


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"end_reason": "exit", "exit_code": 127}, "failed: exit code 127: a command was not found"),
        ({"end_reason": "signal", "exit_signal": 9}, "failed: killed by signal 9 (KILL), often out of memory"),
        ({"end_reason": "timeout", "state": "timed_out"}, "failed: the time limit was reached"),
        ({"end_reason": "no_record", "state": "lost", "end_detail": "It is gone."}, "was lost: It is gone"),
        ({"state": "not_started", "end_detail": "No room."}, "did not start: No room"),
        ({"end_reason": "cancel", "state": "canceled"}, "was stopped"),
    ],
)
def test_how_a_member_ended(fields: dict[str, Any], sentence: str) -> None:
    assert describe.how_it_ended(make_sub_agent(make_task(node_count=2), **{"state": "failed", **fields})) == sentence
