"""A database in which only the product's own verbs were at work breaks no invariant."""

import json
import threading

import pytest
from django.core.management import call_command
from django.db import connection

from tasks.invariants import results
from tasks.invariants.run import check, one_moment
from tasks.models import Task
from tests.factories import make_task
from tests.tasks.invariants.flow import rich

pytestmark = pytest.mark.django_db


def test_after_much_has_happened_nothing_is_wrong() -> None:
    rich()
    assert set(Task.objects.values_list("status", flat=True)) >= {"running", "waiting", "blocked", "failed", "canceled"}
    assert [str(violation) for violation in check(with_digests=True)] == []


def test_results_stay_as_they_were_seen() -> None:
    host, _ = rich()
    seen = results.observed()
    host.beat()
    assert list(results.changed(seen)) == []
    number = Task.objects.filter(status="completed").first().pk
    seen[number] = ("failed", 1, "exit", None)
    (violation,) = results.changed(seen)
    assert (violation.number, violation.ids) == (4, (str(number),))


def test_the_command_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    rich()
    call_command("check_invariants")
    assert capsys.readouterr().out == "All invariants hold.\n"


def test_the_command_ends_with_1_when_something_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    task = make_task()  # a row without its history
    with pytest.raises(SystemExit) as ended:
        call_command("check_invariants", "--json")
    assert ended.value.code == 1
    (violation,) = json.loads(capsys.readouterr().out)["violations"]
    assert (violation["number"], violation["ids"]) == (16, [str(task.pk)])


@pytest.mark.django_db(transaction=True)
def test_it_looks_at_one_moment_and_keeps_no_writer_waiting() -> None:
    def write() -> None:
        try:
            make_task()
        finally:
            connection.close()

    with one_moment():
        assert not Task.objects.exists()
        writer = threading.Thread(target=write)
        writer.start()
        writer.join(10)
        assert not writer.is_alive()
        assert not Task.objects.exists()
    assert Task.objects.exists()
