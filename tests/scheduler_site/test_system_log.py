import json
import logging
import sys
from typing import Any

import pytest

from scheduler_site import system_log


def record(message: str, *values: Any, exc_info: Any = None) -> logging.LogRecord:
    return logging.LogRecord("tasks.lifecycle", logging.INFO, __file__, 1, message, values, exc_info)


def test_key_value_line() -> None:
    line = system_log.formatter("kv").format(record("task_ended task_id=%d status=%s", 41, "failed"))
    assert line.startswith("at=2")
    assert line.endswith("level=info source=tasks.lifecycle event=task_ended task_id=41 status=failed")


def test_json_line_has_the_pairs_as_fields() -> None:
    entry = json.loads(system_log.formatter("json").format(record('task_ended task_id=41 detail="two words"')))
    assert entry["task_id"] == "41"
    assert entry["detail"] == "two words"
    assert entry["level"] == "info"


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("GET /enter/abc-DEF_123 302", "abc-DEF_123"),
        ("Authorization: Bearer s3cr3t", "s3cr3t"),
        ("Agent 0b7b0d7a-5f27-4f4b-9d7e-3f9f6a1f6c11:s3cr3t", "s3cr3t"),
        ("SubAgent 0b7b0d7a-5f27-4f4b-9d7e-3f9f6a1f6c11:s3cr3t", "s3cr3t"),
        ("connect postgres://me:s3cr3t@db/x", "s3cr3t"),
    ],
)
@pytest.mark.parametrize("style", ["kv", "json"])
def test_secrets_do_not_reach_the_log(text: str, secret: str, style: str) -> None:
    line = system_log.formatter(style).format(record("request text=%s", text))
    assert secret not in line
    assert "***" in line


@pytest.mark.parametrize("style", ["kv", "json"])
def test_user_text_cannot_begin_a_line_of_its_own(style: str) -> None:
    line = system_log.formatter(style).format(record("task name=%s", "a\nat=now level=error\r\x1b[31m\u2028b"))
    assert len(line.splitlines()) == 1
    assert "\x1b" not in line


def test_a_traceback_stays_in_its_line() -> None:
    try:
        raise ValueError("Bearer s3cr3t")
    except ValueError:
        line = system_log.formatter("kv").format(record("loop_failed", exc_info=sys.exc_info()))
    assert len(line.splitlines()) == 1
    assert "ValueError" in line
    assert "s3cr3t" not in line
