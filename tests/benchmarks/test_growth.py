"""The rows that stand for years of history are ones that could be, and the table says how each figure grew."""

from typing import Any

import pytest
from django.db import connection

from agents.models import Agent
from benchmarks.growth import fill, table
from tasks.models import Allocation, OutputLog, SubAgent, Task, TaskEvent
from tests.factories import make_agent, make_task

pytestmark = pytest.mark.django_db


def test_the_history_grows_to_what_was_asked_for() -> None:
    make_agent("bench")
    for count in (20, 120):
        fill.history_up_to(count, 120)
    assert [model.objects.count() for model in (Task, SubAgent, Allocation, OutputLog, TaskEvent)] == [120] * 4 + [600]
    assert set(Task.objects.values_list("status", flat=True)) == {"completed", "failed", "canceled"}
    ends = list(Task.objects.order_by("pk").values_list("end_time", flat=True))
    assert ends == sorted(ends)
    make_task()  # numbers go on behind those that were made past the verbs


def test_hosts_are_made_like_the_first() -> None:
    make_agent("bench", cpu_cores=7)
    fill.hosts_up_to(5)
    fill.hosts_up_to(9)
    assert Agent.objects.filter(cpu_cores=7).count() == 9


def test_the_table_says_how_much_each_grew(capsys: Any) -> None:
    table.show("hosts", {10: {"a": 2.0, "b": 150.0}, 100: {"a": 3.0, "b": 1500.0}})
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == "| CPU, ms; hosts | 10 | 100 | largest / smallest |"
    assert lines[3:] == ["| a | 2.0 | 3.0 | 1.5 |", "| b | 150 | 1,500 | 10.0 |"]


@pytest.mark.skipif(connection.vendor != "sqlite", reason="plans are those of SQLite")
def test_a_statement_that_reads_all_is_told(capsys: Any) -> None:
    table._show_scans("look", lambda: list(Task.objects.filter(name="x")))
    assert "look: SCAN tasks_task" in capsys.readouterr().out
