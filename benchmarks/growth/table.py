"""Asks, measures, prints. CPU time, because others may use the machine; that of children where a child answers."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from django.conf import settings
from django.db import connection

from benchmarks.growth.questions import Question

REPEATS = 5
ENOUGH_SECONDS = 3.0
BIG = ("tasks_", "agents_agent")


def answers(questions: dict[str, Question], only: str, *, plans: bool) -> dict[str, float]:
    """Milliseconds by question; those of a task's life are asked in turn."""
    wanted = {name: question for name, question in questions.items() if only in name}
    life = {name: question for name, question in wanted.items() if name.startswith("life: ")}
    rest = {name: question for name, question in wanted.items() if name not in life}
    found = _in_turn(life)
    for name, question in rest.items():
        if plans:
            _show_scans(name, question)
        found[name] = _bytes_a_task() if name == "bytes a task" else _milliseconds(question)
    return {name: found[name] for name in wanted}


def _in_turn(life: dict[str, Question]) -> dict[str, float]:
    seconds: dict[str, list[float]] = {name: [] for name in life}
    if life:
        life["life: beat of nothing"]()  # the host may have been silent for long
    for _ in range(2 * REPEATS):
        for name, step in life.items():
            seconds[name].append(_cpu_of(step))
    return {name: 1000 * median(taken) for name, taken in seconds.items()}


def _milliseconds(question: Question) -> float:
    taken = [_cpu_of(question)]
    if taken[0] < ENOUGH_SECONDS:  # the first warms up
        taken = []
        while len(taken) < REPEATS and sum(taken) < ENOUGH_SECONDS:
            taken.append(_cpu_of(question))
    return 1000 * median(taken)


def _cpu_of(question: Question) -> float:
    before = _cpu()
    question()
    return _cpu() - before


def _cpu() -> float:
    times = os.times()
    return time.process_time() + times.children_user + times.children_system


def _bytes_a_task() -> float:
    from tasks.models import Task

    with connection.cursor() as cursor:
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return Path(settings.DATABASES["default"]["NAME"]).stat().st_size / max(1, Task.objects.count())


def _show_scans(name: str, question: Callable[[], Any]) -> None:
    statements: dict[str, Any] = {}

    def noted(execute: Any, statement: str, values: Any, many: bool, context: Any) -> Any:
        statements.setdefault(statement, values)
        return execute(statement, values, many, context)

    with connection.execute_wrapper(noted):
        question()
    for statement, values in statements.items():
        for step in _scans(statement, values):
            print(f"    {name}: {step}\n        {statement[statement.find(' FROM ') :][:300]}")  # noqa: T201


def _scans(statement: str, values: Any) -> list[str]:
    stops_early = "WHERE" not in statement and "ORDER BY" in statement and "LIMIT" in statement
    if stops_early or not statement.startswith(("SELECT", "UPDATE", "DELETE")):
        return []
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {statement}", values)
        steps = [str(row[3]) for row in cursor.fetchall()]
    return [step for step in steps if step.startswith("SCAN ") and step.split()[1].startswith(BIG)]


def show(what: str, found: dict[int, dict[str, float]]) -> None:
    sizes = sorted(found)
    print(f"\n| CPU, ms; {what} | " + " | ".join(f"{size:,}" for size in sizes) + " | largest / smallest |")  # noqa: T201
    print("|---" * (len(sizes) + 2) + "|")  # noqa: T201
    for name in found[sizes[0]]:
        row = [found[size][name] for size in sizes]
        growth = row[-1] / row[0] if row[0] else 0
        cells = " | ".join(f"{value:,.0f}" if value >= 100 else f"{value:.1f}" for value in row)
        print(f"| {name} | {cells} | {growth:.1f} |")  # noqa: T201
