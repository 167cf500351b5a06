"""What somebody may depend on: known ids and kinds, no circle however long, nothing that can never be met."""

from typing import Any

import pytest

from scheduler_site.shared.actors import SYSTEM
from scheduler_site.shared.errors import Conflict
from tasks import dependencies, submission
from tasks.models import Dependency, Task
from tasks.task_fields import InvalidTask
from tests.factories import make_sub_agent, make_task

pytestmark = pytest.mark.django_db


def resolved(asked: Any, task: Task | None = None) -> list[tuple[int, str]]:
    found = dependencies.resolve(asked, task_id=None if task is None else task.pk)
    return [(other.pk, kind) for other, kind in found]


def refusal(asked: Any, task: Task | None = None) -> str:
    with pytest.raises(InvalidTask) as refused:
        resolved(asked, task)
    (sentences,) = refused.value.fields.values()
    return " ".join(sentences)


def test_ids_and_objects_in_the_order_asked_each_once() -> None:
    first, second = make_task(), make_task()
    asked = [second.pk, {"id": first.pk, "kind": "afterany"}, second.pk]
    assert resolved(asked) == [(second.pk, "afterok"), (first.pk, "afterany")]
    assert resolved(None) == resolved([]) == []


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("12", "must be a list"),
        ([1] * 1001, "at most 1000"),
        ([True], "True is not the id of a task"),
        ([0], "0 is not the id"),
        ([2**63], "is not the id"),
        ([1.0], "1.0 is not the id"),
        (["7"], "'7' is not the id"),
        ([{"kind": "afterok"}], "None is not the id"),
        ([{"id": 7, "kind": "later"}], "'later' is not one of afterok"),
        ([{"id": 7, "sort": "afterok"}], "sort is not a field"),
        ([999], "Task 999 does not exist."),
        ([999, {"id": 999, "kind": "afterany"}], "named twice"),
    ],
)
def test_refused(asked: Any, words: str) -> None:
    assert words in refusal(asked)


def test_every_unknown_id_is_named() -> None:
    assert refusal([998, 999]) == "Task 998 does not exist. Task 999 does not exist."


@pytest.mark.parametrize(
    ("status", "kind", "is_refused"),
    [
        ("completed", "afterok", False),
        ("completed", "afterany", False),
        ("completed", "afternotok", True),
        ("failed", "afterok", True),
        ("failed", "afternotok", False),
        ("canceled", "afterok", True),
        ("canceled", "afterany", False),
    ],
)
def test_what_ended_already(status: str, kind: str, is_refused: bool) -> None:
    other = make_task(status)
    asked = [{"id": other.pk, "kind": kind}]
    if is_refused:
        assert "can never be met" in refusal(asked)
    else:
        assert resolved(asked) == [(other.pk, kind)]


def test_circles_are_refused_however_long(django_assert_max_num_queries: Any) -> None:
    first = make_task()
    chain = [first]
    for _ in range(5):
        chain.append(make_task("blocked", depends_on=[chain[-1]]))
    unrelated = [make_task() for _ in range(20)]
    assert f"Task {chain[-1].pk} depends on task {first.pk}" in refusal([chain[-1].pk], first)
    assert f"Task {first.pk} depends on task {first.pk}" in refusal([first.pk], first)
    with django_assert_max_num_queries(8):
        assert len(resolved([other.pk for other in unrelated], first)) == 20


def test_a_diamond_is_no_circle() -> None:
    top = make_task()
    sides = [make_task("blocked", depends_on=[top]) for _ in range(2)]
    bottom = make_task("blocked", depends_on=sides)
    assert resolved([top.pk, *(side.pk for side in sides)], bottom) == [
        (top.pk, "afterok"),
        *((side.pk, "afterok") for side in sides),
    ]


def test_a_refused_change_leaves_the_dependencies_as_they_were() -> None:
    first = make_task()
    second = make_task("blocked", depends_on=[first])
    with pytest.raises(InvalidTask):
        submission.edit(first.pk, {"depends_on": [second.pk], "priority": 1}, actor=SYSTEM)
    assert list(Dependency.objects.values_list("task", "depends_on")) == [(second.pk, first.pk)]
    assert Task.objects.get(pk=first.pk).priority == 3


def test_a_task_on_a_host_cannot_get_dependencies() -> None:
    sub_agent = make_sub_agent(state="assigned")
    with pytest.raises(Conflict):
        submission.edit(sub_agent.task_id, {"depends_on": [make_task().pk]}, actor=SYSTEM)
