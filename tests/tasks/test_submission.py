"""What can be asked for, what is refused and with which words; a refused request leaves nothing behind."""

from typing import Any

import pytest
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler_site.shared.actors import SYSTEM
from scheduler_site.shared.errors import Conflict
from tasks import task_fields
from tasks.models import Task
from tasks.submission import InvalidTask, edit, submit
from tests.factories import make_sub_agent, make_task, make_template, make_user

pytestmark = pytest.mark.django_db

LEAST = {"name": "t", "script_content": "true\n"}


def refused(fields: dict[str, Any]) -> dict[str, list[str]]:
    before = Task.objects.count()
    with pytest.raises(InvalidTask) as error:
        submit(fields, actor=SYSTEM)
    assert Task.objects.count() == before
    return error.value.fields


def test_defaults() -> None:
    task = submit(LEAST, actor=SYSTEM)
    task.refresh_from_db()
    assert (task.status, task.priority, task.cpu_cores, task.gpu_count, task.retries) == ("waiting", 3, 1, 0, 0)
    assert (task.memory_mib, task.time_limit_seconds, task.split_output) == (None, None, False)
    assert task.events.get().verb == "submitted"


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("name", "", "empty"),
        ("name", "   ", "empty"),
        ("name", "x" * 201, "200"),
        ("name", "two\nlines", "control"),
        ("name", 5, "text"),
        ("name", "a\0b", "NUL"),
        ("name", "\ud800", "Unicode"),
        ("script_content", "", "empty"),
        ("script_content", " \n", "empty"),
        ("script_content", "x" * ((1 << 20) + 1), "1 MiB"),
        ("priority", 0, "between 1 and 5"),
        ("priority", 6, "between 1 and 5"),
        ("priority", True, "whole number"),
        ("priority", 2.0, "whole number"),
        ("priority", "3", "whole number"),
        ("cpu_cores", -1, "between 0"),
        ("cpu_cores", float("nan"), "between 0"),
        ("cpu_cores", float("inf"), "between 0"),
        ("cpu_cores", 0.001, "two decimal"),
        ("cpu_cores", "many", "number"),
        ("cpu_cores", True, "number"),
        ("memory_mib", 0, "between 1"),
        ("memory_mib", 2**40, "between 1"),
        ("gpu_count", -1, "between 0"),
        ("gpu_count", 65, "between 0"),
        ("gpu_memory", 0, "between 1"),
        ("time_limit_seconds", 0, "between 1"),
        ("retries", 101, "between 0"),
        ("grace_seconds", 301, "between 0"),
        ("deadline_at", "tomorrow", "date and time"),
        ("deadline_at", "2026-13-45T00:00:00Z", "date and time"),
        ("deadline_at", 5, "date and time"),
        ("deadline_at", "0001-01-01T00:00:00", "between 1970"),
        ("deadline_at", "9999-12-31T23:59:59Z", "between 1970"),
        ("deadline_at", "2020-01-01T00:00:00Z", "still to come"),
        ("working_directory", "relative/path", "absolute"),
        ("environment", {"1A": "x"}, "no name of a variable"),
        ("environment", {"A B": "x"}, "no name of a variable"),
        ("environment", {"A": 1}, "text"),
        ("environment", {"A": "x" * 131072}, "128 KiB"),
        ("environment", [], "object"),
        ("environment", {f"A{n}": "" for n in range(1001)}, "1000"),
        ("metadata", [], "object"),
        ("metadata", {"a": float("nan")}, "NaN"),
        ("metadata", {"a": "x" * 70000}, "64 KiB"),
        ("split_output", 1, "true or false"),
        ("gpu_share", "yes", "true or false"),
        ("colour", "red", "not a field"),
        ("depends_on", "12", "list"),
        ("depends_on", ["12"], "not the id"),
        ("depends_on", [0], "not the id"),
        ("depends_on", [True], "not the id"),
        ("depends_on", [2**70], "not the id"),
        ("depends_on", [{"id": 1, "kind": "before"}], "not one of"),
        ("depends_on", [{"id": 1, "when": "x"}], "not a field"),
        ("depends_on", [999999], "does not exist"),
        ("template", "no such", "no template"),
    ],
)
def test_a_wrong_value_is_refused_by_its_name(field: str, value: Any, words: str) -> None:
    fields = refused({**LEAST, field: value})
    assert list(fields) == [field]
    assert words in " ".join(fields[field])


def test_all_wrong_fields_are_named_at_once() -> None:
    assert set(refused({"name": "", "script_content": "", "priority": 9})) == {"name", "script_content", "priority"}


def test_missing_fields_are_named() -> None:
    assert set(refused({"priority": 2})) == {"name", "script_content"}


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"gpu_share": True}, "gpu_share"),
        ({"gpu_share": True, "gpu_count": 1}, "gpu_memory"),
        ({"gpu_memory": 1024}, "gpu_memory"),
    ],
)
def test_fields_that_need_each_other(fields: dict[str, Any], named: str) -> None:
    assert list(refused({**LEAST, **fields})) == [named]


def test_fractions_of_cores_are_kept_exactly() -> None:
    task = submit({**LEAST, "cpu_cores": 0.1}, actor=SYSTEM)
    task.refresh_from_db()
    assert str(task.cpu_cores) == "0.10"


def test_a_task_cannot_depend_on_itself_by_guessing_its_id() -> None:
    guess = make_task().pk + 1
    assert "does not exist" in refused({**LEAST, "depends_on": [guess]})["depends_on"][0]


def test_a_dependency_that_can_never_be_met_is_refused() -> None:
    failed = make_task("failed")
    assert "can never be met" in refused({**LEAST, "depends_on": [failed.pk]})["depends_on"][0]
    after = submit({**LEAST, "depends_on": [{"id": failed.pk, "kind": "afterany"}]}, actor=SYSTEM)
    assert (after.status, after.unmet) == ("waiting", 0)


def test_the_same_dependency_twice_is_one_and_two_kinds_are_refused() -> None:
    first = make_task()
    task = submit({**LEAST, "depends_on": [first.pk, first.pk]}, actor=SYSTEM)
    assert (task.status, task.unmet) == ("blocked", 1)
    fields = refused({**LEAST, "depends_on": [first.pk, {"id": first.pk, "kind": "afterany"}]})
    assert "twice" in fields["depends_on"][0]


def test_a_template_fills_what_is_not_given() -> None:
    template = make_template("train", script_content="python train.py\n", gpu_count=2, gpu_memory=40960, priority=2)
    task = submit({"name": "t", "template": "train", "priority": 5}, actor=SYSTEM)
    assert (task.script_content, task.gpu_count, task.priority) == ("python train.py\n", 2, 5)
    assert (task.template_type, task.template_version) == ("train", template.current_version)


@pytest.mark.matrix(73)
def test_an_idempotency_key_makes_one_task() -> None:
    user = make_user()
    first = submit(LEAST, actor=SYSTEM, user=user, idempotency_key="k")
    assert submit(LEAST, actor=SYSTEM, user=user, idempotency_key="k") == first
    with pytest.raises(Conflict):
        submit({**LEAST, "name": "other"}, actor=SYSTEM, user=user, idempotency_key="k")
    assert submit(LEAST, actor=SYSTEM, user=make_user("grace"), idempotency_key="k") != first


def test_edit_changes_a_waiting_task_and_writes_history() -> None:
    task = submit(LEAST, actor=SYSTEM)
    changed = edit(task.pk, {"priority": 1, "script_content": "false\n", "name": "u"}, actor=SYSTEM)
    assert (changed.priority, changed.script_content, changed.name) == (1, "false\n", "u")
    assert task.events.last().reason == "name, priority, script_content"


def test_edit_is_refused_once_the_task_is_on_a_host() -> None:
    with pytest.raises(Conflict, match="only a task that still waits"):
        edit(make_sub_agent(state="assigned").task_id, {"priority": 1}, actor=SYSTEM)


@pytest.mark.parametrize(("field", "value"), [("status", "completed"), ("priority", 9), ("gpu_memory", 5)])
def test_edit_refuses_what_it_must(field: str, value: Any) -> None:
    task = submit(LEAST, actor=SYSTEM)
    with pytest.raises(InvalidTask) as refusal:
        edit(task.pk, {field: value}, actor=SYSTEM)
    assert list(refusal.value.fields) == [field]


def test_edit_of_dependencies_blocks_frees_and_refuses_circles() -> None:
    first, second = submit(LEAST, actor=SYSTEM), submit(LEAST, actor=SYSTEM)
    third = submit({**LEAST, "depends_on": [second.pk]}, actor=SYSTEM)
    assert edit(second.pk, {"depends_on": [first.pk]}, actor=SYSTEM).status == "blocked"
    with pytest.raises(InvalidTask, match="circle"):
        edit(first.pk, {"depends_on": [third.pk]}, actor=SYSTEM)
    with pytest.raises(InvalidTask, match="circle"):
        edit(first.pk, {"depends_on": [first.pk]}, actor=SYSTEM)
    assert edit(second.pk, {"depends_on": []}, actor=SYSTEM).status == "waiting"


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(), st.lists, max_leaves=3))
@settings(deadline=None)
def test_any_value_of_any_field_is_taken_or_refused_with_words(value: Any) -> None:
    for name in task_fields.CHECKS:
        try:
            task_fields.clean({name: value})
        except InvalidTask as refusal:
            assert refusal.fields[name][0]  # noqa: PT017 - either is fine, silence is not


def test_a_time_without_a_zone_is_utc() -> None:
    task = submit({**LEAST, "deadline_at": "2030-01-02T03:04:05"}, actor=SYSTEM)
    assert task.deadline_at is not None
    assert task.deadline_at.utcoffset() == timezone.now().utcoffset()
