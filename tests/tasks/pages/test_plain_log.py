"""The end of a log as plain text."""

import zlib
from pathlib import Path
from typing import Any

import pytest

from tasks.models import Task
from tasks.output import logs
from tasks.pages import plain_log
from tests.factories import make_output_log, make_sub_agent, make_task


def test_escapes_and_controls_are_taken_out() -> None:
    assert plain_log.plain_text(b"\x1b[31mred\x1b[0m \x1b]0;title\x07bell\x07\n") == "red bell\n"


def test_a_progress_bar_keeps_what_was_written_last() -> None:
    assert plain_log.plain_text(b" 10%\r 50%\r100%\ndone\r\n") == "100%\ndone\n"


def test_broken_utf8_shows_as_replacement() -> None:
    assert plain_log.plain_text(b"\xff ok") == "\ufffd ok"


def _written(data: bytes) -> Task:
    sub_agent = make_sub_agent(make_task())
    make_output_log(sub_agent)
    logs.append(sub_agent, "out", 0, data, zlib.crc32(data))
    return sub_agent.task


@pytest.mark.usefixtures("db")
def test_only_whole_lines_of_the_end(settings: Any, tmp_path: Path) -> None:
    settings.TASK_LOG_DIR = tmp_path
    text = plain_log.end_of_log(_written(b"x" * 70000 + b"\nlast line\n"))
    assert text == "last line\n"


@pytest.mark.usefixtures("db")
def test_no_output_no_text() -> None:
    assert plain_log.end_of_log(make_task()) == ""
