"""The end of a task and those that depend on it: many, deep, in batches, and resumed by whoever comes after."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler_site.shared.actors import SYSTEM
from tasks import lifecycle, recovery
from tasks.invariants.dependencies import marked_as_they_are
from tasks.lifecycle import dependants, doomed
from tasks.models import Dependency, Task
from tasks.states import FINAL_STATUSES
from tests.factories import make_task

ENDED = ("completed", "failed", "canceled")
edges = st.lists(
    st.tuples(st.integers(1, 12), st.integers(0, 11), st.sampled_from(["afterok", "afterany", "afternotok"])).filter(
        lambda edge: edge[1] < edge[0]
    ),
    unique_by=lambda edge: edge[:2],
)


@pytest.fixture
def batch(monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(dependants, "BATCH", 5)
    return 5


def chain(length: int, first: Task) -> list[int]:
    """Made in two statements: each task depends on the one before."""
    template = make_task("blocked", depends_on=[first])
    columns = {field.attname: getattr(template, field.attname) for field in Task._meta.concrete_fields}
    columns.pop("id")
    made = Task.objects.bulk_create(Task(**columns) for _ in range(length - 1))
    ids = [template.pk, *(task.pk for task in made)]
    pairs = zip(ids[1:], ids, strict=False)
    Dependency.objects.bulk_create(Dependency(task_id=task, depends_on_id=other) for task, other in pairs)
    return ids


def statuses(ids: list[int]) -> set[str]:
    return set(Task.objects.filter(pk__in=ids).values_list("status", flat=True))


@pytest.mark.django_db
@pytest.mark.matrix(72)
def test_a_deep_chain_is_canceled_in_batches_and_gone_on_with_by_whoever_comes_after(batch: int) -> None:
    first = make_task()
    ids = chain(23, first)
    lifecycle.cancel(first.pk, actor=SYSTEM)
    assert Task.objects.filter(status="canceled").count() == 1 + batch
    assert list(Task.objects.filter(is_unsettled=True).values_list("pk", flat=True)) == [ids[batch - 1]]
    assert list(marked_as_they_are()) == []
    turns = 0
    while lifecycle.settle_left():  # nothing is remembered but the rows
        turns += 1
    assert turns == 4
    assert statuses(ids) == {"canceled"}
    assert not Task.objects.filter(is_unsettled=True).exists()
    last = Task.objects.get(pk=ids[-1])
    assert last.end_detail == f"Task #{ids[-2]} was canceled, so this one can never start."
    assert last.events.filter(verb="ended").count() == 1


@pytest.mark.django_db
def test_the_reaper_goes_on_with_it(batch: int) -> None:
    first = make_task()
    ids = chain(40, first)
    lifecycle.cancel(first.pk, actor=SYSTEM)
    while Task.objects.filter(is_unsettled=True).exists():
        recovery._settle_dependants()
    assert statuses(ids) == {"canceled"}


@pytest.mark.django_db
def test_a_wide_fan_is_freed_in_batches(batch: int) -> None:
    first = make_task()
    fan = [make_task("blocked", depends_on=[(first, "afterany")]).pk for _ in range(12)]
    lifecycle.cancel(first.pk, actor=SYSTEM)
    assert Task.objects.filter(pk__in=fan, status="waiting").count() == batch
    assert Task.objects.get(pk=first.pk).is_unsettled
    while lifecycle.settle_left():
        pass
    assert statuses(fan) == {"waiting"}
    assert list(marked_as_they_are()) == []


@pytest.mark.django_db
def test_a_task_that_depends_twice_on_what_ended_together_is_counted_twice() -> None:
    first = make_task()
    middle = [make_task("blocked", depends_on=[first]) for _ in range(2)]
    last = make_task("blocked", depends_on=[(task, "afterany") for task in middle])
    lifecycle.cancel(first.pk, actor=SYSTEM)
    last.refresh_from_db()
    assert (last.status, last.unmet) == ("waiting", 0)
    assert last.events.get(verb="unblocked").reason in {f"after #{task.pk}" for task in middle}


@pytest.mark.django_db
def test_one_that_was_edited_out_of_the_chain_goes_on_waiting(batch: int) -> None:
    first = make_task()
    ids = chain(12, first)
    lifecycle.cancel(first.pk, actor=SYSTEM)
    lifecycle.depend_on(ids[8], [(make_task(), "afterok")], actor=SYSTEM)
    while lifecycle.settle_left():
        pass
    assert statuses(ids[:8]) == {"canceled"}
    assert statuses(ids[8:]) == {"blocked"}


@given(edges, st.sampled_from(ENDED))
def test_who_is_doomed_is_so_because_of_one_that_ended_or_is_doomed(found: list[Any], status: str) -> None:
    because = doomed.reached({0: status}, found)
    kinds = {(task, other): kind for task, other, kind in found}
    for task, other in because.items():
        end = status if other == 0 else "canceled"
        assert other == 0 or other in because
        assert (kinds[task, other] == "afternotok") == (end == "completed")
        assert kinds[task, other] != "afterany"
    for task, other, kind in found:
        if (other == 0 or other in because) and task not in because:
            end = status if other == 0 else "canceled"
            assert kind == "afterany" or (kind == "afterok") == (end == "completed")


@pytest.mark.django_db
@pytest.mark.parametrize("size", [1, 500])
def test_random_graphs_end_the_same_whatever_the_batch(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    import random

    monkeypatch.setattr(dependants, "BATCH", size)
    chance = random.Random(7)
    first = make_task()
    tasks = [first]
    for _ in range(40):
        others = chance.sample(tasks, min(len(tasks), chance.randint(1, 3)))
        tasks.append(
            make_task("blocked", depends_on=[(o, chance.choice(["afterok", "afterany", "afternotok"])) for o in others])
        )
    lifecycle.cancel(first.pk, actor=SYSTEM)
    while lifecycle.settle_left():
        pass
    assert list(marked_as_they_are()) == []
    for row in Dependency.objects.filter(task__status="blocked").select_related("depends_on"):
        assert row.is_satisfied == (row.depends_on.status in FINAL_STATUSES)
