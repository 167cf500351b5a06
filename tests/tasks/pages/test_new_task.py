"""The form of a new task, without a browser."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client

from tasks.models import Task
from tests.factories import make_agent, make_task, make_template


def filled(**values: Any) -> dict[str, Any]:
    """What a browser sends for the form as it opens, with a name and a script."""
    return {
        "idempotency_key": "key-1",
        "name": "train",
        "template_type": "custom",
        "script_content": "echo hello\r\necho bye\r\n",
        "priority": "3",
        "cpu_cores": "1",
        "memory_mib": "",
        "gpu_count": "0",
        "gpu_memory": "",
        "gpu_memory_other": "",
        "depends_on": "",
        "retries": "0",
        **values,
    }


def submit(ada: Client, **values: Any) -> Task:
    reply = ada.post("/tasks/new/", filled(**values))
    assert reply.status_code == 302, reply.content.decode()
    task = Task.objects.get()
    assert reply.headers["Location"] == f"/tasks/#task-{task.pk}"
    return task


def refusal(ada: Client, **values: Any) -> str:
    before = Task.objects.count()
    reply = ada.post("/tasks/new/", filled(**values))
    assert reply.status_code == 422
    assert Task.objects.count() == before
    return reply.content.decode()


def test_the_empty_form(ada: Client) -> None:
    html = ada.get("/tasks/new/").content.decode()
    for name in filled():
        assert f'name="{name}"' in html


def test_a_plain_task(ada: Client, user: Any) -> None:
    task = submit(ada)
    assert task.script_content == "echo hello\necho bye\n"
    assert (task.name, task.template_type, task.priority) == ("train", "custom", 3)
    assert task.submitted_by == user
    assert task.status == "waiting"


def test_every_field(ada: Client) -> None:
    task = submit(
        ada,
        priority="1",
        cpu_cores="1.5",
        memory_mib="2.5",
        gpu_count="2",
        gpu_memory="other",
        gpu_memory_other="40",
        gpu_share="on",
        description="two\r\nlines",
        time_limit_seconds="2h",
        estimated_seconds="90m",
        retries="2",
        retry_on="script, oom",
        retry_exit_codes="75,137",
        oom_memory_factor="1.5",
        oom_exclusive="on",
        working_directory="/data",
        environment="A=1\r\nB=x=y",
        metadata="paper=draft",
        split_output="on",
        deadline_at="2099-12-01T18:30",
        utc_offset_minutes="-480",
    )
    assert (task.memory_mib, task.gpu_memory, task.gpu_count, float(task.cpu_cores)) == (2560, 40960, 2, 1.5)
    assert (task.time_limit_seconds, task.estimated_seconds, task.retries) == (7200, 5400, 2)
    assert (task.retry_on, task.retry_exit_codes) == (["script", "oom"], [75, 137])
    assert (task.oom_memory_factor, task.oom_exclusive) == (1.5, True)
    assert task.environment == {"A": "1", "B": "x=y"}
    assert task.metadata == {"paper": "draft"}
    assert task.gpu_share
    assert task.split_output
    assert task.deadline_at == datetime(2099, 12, 1, 10, 30, tzinfo=UTC)


def test_gpu_memory_is_chosen_from_what_the_hosts_have(ada: Client) -> None:
    make_agent(gpus=2, gpu_memory_mib=24576)
    make_agent(gpus=1, gpu_memory_mib=81920)
    html = ada.get("/tasks/new/").content.decode()
    assert "at least 24 GiB (3 GPUs)" in html
    assert "at least 80 GiB (1 GPU)" in html
    assert submit(ada, gpu_count="1", gpu_memory="24576").gpu_memory == 24576


def test_dependencies_as_typed(ada: Client) -> None:
    first, second = make_task(name="first"), make_task("failed", name="second")
    reply = ada.post("/tasks/new/", filled(depends_on=f"{first.pk}, afterany:#{second.pk}"))
    assert reply.status_code == 302
    task = Task.objects.get(name="train")
    assert sorted(task.dependencies.values_list("depends_on", "kind")) == [
        (first.pk, "afterok"),
        (second.pk, "afterany"),
    ]
    assert task.status == "blocked"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"name": " "}, "This field is required."),
        ({"template_type": ""}, "This field is required."),
        ({"script_content": " \r\n"}, "This field is required."),
        ({"cpu_cores": "-1"}, "greater than or equal to 0"),
        ({"cpu_cores": "NaN"}, "Enter a number."),
        ({"gpu_count": "1.5"}, "Enter a whole number."),
        ({"memory_mib": "lots"}, "is not a number of GiB"),
        ({"priority": "9"}, "not one of the available choices"),
        ({"gpu_count": "1", "gpu_memory": "other"}, "Give a number of GiB."),
        ({"gpu_memory": "other", "gpu_memory_other": "8"}, "Needs at least one GPU"),
        ({"depends_on": "12, x"}, "is not a task id"),
        ({"depends_on": "999"}, "Task 999 does not exist."),
        ({"time_limit_seconds": "soon"}, "is not a duration"),
        ({"environment": "nonsense"}, "is not NAME=value"),
        ({"environment": "1A=b"}, "no name of a variable"),
        ({"working_directory": "relative/path"}, "absolute path"),
        ({"name": "two\nlines"}, "one line"),
    ],
)
def test_refusals_name_what_is_wrong(ada: Client, values: dict[str, Any], words: str) -> None:
    html = refusal(ada, **values)
    assert words in html
    assert "wrong" in html


def test_a_refused_form_keeps_what_was_typed(ada: Client) -> None:
    html = refusal(ada, name="kept name", script_content="kept script", cpu_cores="-1", priority="5")
    assert "kept name" in html
    assert "kept script" in html
    assert 'value="5"' in html


def test_errors_under_more_open_it(ada: Client) -> None:
    assert '<details class="fold form-more" open>' in refusal(ada, time_limit_seconds="soon")
    assert '<details class="fold form-more">' in ada.get("/tasks/new/").content.decode()


def test_sent_twice_makes_one_task(ada: Client) -> None:
    first = ada.post("/tasks/new/", filled())
    second = ada.post("/tasks/new/", filled())
    assert first.headers["Location"] == second.headers["Location"]
    assert Task.objects.count() == 1


def test_prefilled_from_a_template(ada: Client) -> None:
    template = make_template(
        "llm", script_content="python llm.py\n", cpu_cores=4, gpu_memory=40960, gpu_count=1, priority=2
    )
    html = ada.get(f"/tasks/new/?template={template.pk}").content.decode()
    assert "python llm.py" in html
    assert 'value="llm"' in html
    task = submit(ada, template=str(template.pk), template_type="llm")
    assert task.template_version == template.current_version


def test_filling_in_works_without_scripts(ada: Client) -> None:
    template = make_template("llm", script_content="python llm.py\n")
    reply = ada.post("/tasks/new/", {"template": template.pk, "fill": "1"})
    assert reply.status_code == 200
    assert "python llm.py" in reply.content.decode()


def test_an_archived_template_is_not_offered(ada: Client) -> None:
    template = make_template("old-one", is_archived=True)
    assert "old-one" not in ada.get("/tasks/new/").content.decode()
    assert "not one of the available choices" in refusal(ada, template=str(template.pk))


def test_run_again_copies_what_was_asked_for(ada: Client) -> None:
    before = make_task("completed")
    task = make_task(
        "failed",
        name="train",
        script_content="python again.py\n",
        cpu_cores="2.50",
        gpu_count=1,
        gpu_memory=10240,
        depends_on=[(before, "afterany")],
        environment={"A": "1"},
        time_limit_seconds=5400,
    )
    html = ada.get(f"/tasks/new/?from={task.pk}").content.decode()
    for words in ("python again.py", 'value="2.5"', f"afterany:{before.pk}", "A=1", 'value="1h30m"', 'value="10"'):
        assert words in html


def test_a_copy_of_a_task_without_a_type_can_be_sent(ada: Client) -> None:
    task = make_task("completed", template_type="")
    assert 'name="template_type" value="custom"' in ada.get(f"/tasks/new/?from={task.pk}").content.decode()


@pytest.mark.parametrize("query", ["from=999", "template=999", "from=x", "template=1e5", "from=99999999999999999999"])
def test_a_source_that_is_none_leaves_the_form_empty(ada: Client, query: str) -> None:
    assert ada.get(f"/tasks/new/?{query}").status_code == 200


def test_dependencies_are_looked_up_while_typing(ada: Client) -> None:
    good, failed = make_task(name="good-one"), make_task("failed", name="failed-one")
    html = ada.get("/tasks/dependencies/", {"depends_on": f"{good.pk}, {failed.pk}, 999"}).content.decode()
    assert "good-one" in html
    assert f"Task {failed.pk} is failed" in html
    assert "There is no task 999." in html
    assert "not a task id" in ada.get("/tasks/dependencies/", {"depends_on": "x"}).content.decode()
