"""agent.log: nothing of a short and quiet life, everything from the first warning or second on."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent_client.sub_agent import event_log
from agent_client.sub_agent.event_log import EventLog, end_event_log, look_at_event_log, start_event_log

log = logging.getLogger("tests.event_log")


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    root = logging.getLogger()
    handlers, level, raises = root.handlers[:], root.level, logging.raiseExceptions
    start_event_log(tmp_path / "agent.log")
    yield tmp_path / "agent.log"
    end_event_log()
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.raiseExceptions = raises


def test_a_short_and_quiet_life_leaves_no_file(path: Path) -> None:
    log.info("script runs")
    look_at_event_log()
    end_event_log()
    assert not path.exists()
    assert not any(isinstance(handler, EventLog) for handler in logging.getLogger().handlers)


def test_a_warning_comes_with_what_was_before_it(path: Path) -> None:
    log.info("script runs")
    log.warning("disk\nfull")
    log.info("script ended")
    words = [line.split(" ", 1)[1] for line in path.read_text().splitlines()]
    assert words == ["INFO script runs", "WARNING disk\\nfull", "INFO script ended"]


def test_after_a_second_it_is_there_for_people(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log.info("script runs")
    monkeypatch.setattr(event_log, "HELD_SECONDS", 0.0)
    look_at_event_log()
    assert "script runs" in path.read_text()
    log.info("script ended")
    assert "script ended" in path.read_text()


def test_without_a_place_nothing_fails(path: Path) -> None:
    path.mkdir()
    log.warning("lost")
    log.warning("lost, too")
