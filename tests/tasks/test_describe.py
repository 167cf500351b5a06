"""Sentences and badges about a task."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tasks.describe import badges, end_sentence, exit_code_meaning, signal_name
from tasks.models import SubAgent, Task
from tasks.states import EndReason, TaskStatus


def task(status: str, **fields: Any) -> Task:
    return Task(name="t", script_content="true", status=status, **fields)


@pytest.mark.parametrize("status", ["blocked", "waiting", "running"])
def test_open_tasks_have_no_end(status: str) -> None:
    assert end_sentence(task(status)) == ""


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"end_reason": "exit", "exit_code": 1}, "Exit code 1."),
        ({"end_reason": "exit", "exit_code": 137}, "Exit code 137: killed (KILL), often out of memory."),
        ({"end_reason": "exit", "exit_code": 127}, "Exit code 127: a command was not found."),
        ({"end_reason": "signal", "exit_signal": 9}, "Killed by signal 9 (KILL), often out of memory."),
        ({"end_reason": "signal", "exit_signal": 15}, "Killed by signal 15 (TERM)."),
        ({"end_reason": "timeout", "time_limit_seconds": 5400}, "Stopped at its time limit of 1 h 30 min."),
        ({"end_reason": "timeout"}, "The time limit was reached."),
        (
            {"end_reason": "spawn_error", "end_detail": "no such folder"},
            "The script could not be started. No such folder.",
        ),
        ({"end_reason": ""}, "Failed."),
    ],
)
def test_failures_say_why(fields: dict[str, Any], sentence: str) -> None:
    assert end_sentence(task("failed", **fields)) == sentence


@pytest.mark.parametrize("reason", EndReason.values)
def test_every_reason_has_a_sentence(reason: str) -> None:
    sentence = end_sentence(task("failed", end_reason=reason))
    assert sentence.endswith(".")
    assert sentence != "Failed."


def test_a_cancellation_gives_its_reason() -> None:
    assert end_sentence(task("canceled", end_reason="cancel")) == "Canceled."
    assert end_sentence(task("canceled", end_reason="cancel", cancel_reason="wrong data")) == "Canceled. Wrong data."
    detail = "Task #12 failed, so this one can never start."
    assert end_sentence(task("canceled", end_reason="dependency", end_detail=detail)) == f"Canceled. {detail}"


def test_completed_says_so() -> None:
    assert end_sentence(task("completed", end_reason="exit", exit_code=0)) == "Completed with exit code 0."


@pytest.mark.parametrize("code", [-1, 0, 1, 128, 193, 255, 4096])
def test_codes_without_a_meaning_stay_plain(code: int) -> None:
    assert exit_code_meaning(code) == f"Exit code {code}."


def test_unknown_signals_have_no_name() -> None:
    assert signal_name(9) == "KILL"
    assert signal_name(0) == signal_name(4000) == ""
    assert end_sentence(task("failed", end_reason="signal", exit_signal=4000)) == "Killed by signal 4000."


def test_badges() -> None:
    now = datetime.now(UTC)
    unreachable = SubAgent(state="running", unreachable_since=now)
    assert badges(task("running")) == []
    assert badges(task("running", cancel_requested_at=now), unreachable) == ["canceling", "host unreachable"]
    assert badges(task("waiting", retries_used=1)) == ["retrying"]
    assert badges(task("running"), SubAgent(state="lost", unreachable_since=now)) == []


@pytest.mark.parametrize("status", [TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.CANCELED])
def test_final_tasks_have_no_badges(status: str) -> None:
    assert badges(task(status, cancel_requested_at=datetime.now(UTC), retries_used=1)) == []
