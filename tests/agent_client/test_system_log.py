"""The agent's structured log: both forms, escaping, secrets, folding of repeated errors."""

import io
import json
import logging
from typing import Any

import pytest

from agent_client.system_log import LOGGER_NAME, EventLog, Folding, LogFormat, set_up


@pytest.fixture(autouse=True)
def _restored_logger() -> Any:
    logger = logging.getLogger(LOGGER_NAME)
    before = (logger.handlers[:], logger.level, logger.propagate)
    yield
    logger.handlers[:], logger.level, logger.propagate = before


def lines(log_format: LogFormat, write: Any) -> list[str]:
    stream = io.StringIO()
    set_up(log_format, "host-a", stream)
    write(EventLog(loop="beat"))
    return stream.getvalue().splitlines()


def test_a_kv_line() -> None:
    (line,) = lines("kv", lambda log: log.info("claimed", sub_agent_id="s1", task_id=3, detail='a "b" c=d', zone=None))
    at, rest = line.split(" ", 1)
    assert at.startswith("at=2")
    assert at.endswith("Z")
    assert rest == 'level=info event=claimed host=host-a loop=beat sub_agent_id=s1 task_id=3 detail="a \\"b\\" c=d"'


def test_a_json_line() -> None:
    (line,) = lines("json", lambda log: log.warning("claimed", task_id=3, sizes={"out": 1}))
    values = json.loads(line)
    assert values.pop("at")
    assert values == {
        "level": "warning",
        "event": "claimed",
        "host": "host-a",
        "loop": "beat",
        "task_id": 3,
        "sizes": {"out": 1},
    }


@pytest.mark.parametrize("log_format", ["kv", "json"])
def test_no_value_can_write_to_the_terminal_or_start_a_line(log_format: LogFormat) -> None:
    hostile = "a\x1b[2Jb\nlevel=info\r\x9bc\u2028d\u202ee\x00"
    (line,) = lines(log_format, lambda log: log.info("e", detail=hostile))
    assert line.isprintable()
    assert "level=info" in line
    if log_format == "json":
        assert json.loads(line)["detail"] == hostile


@pytest.mark.parametrize("log_format", ["kv", "json"])
def test_values_under_telling_names_are_hidden(log_format: LogFormat) -> None:
    (line,) = lines(log_format, lambda log: log.info("e", agent_secret="s3", sub_agent_token="s3", nonce="s3"))
    assert "s3" not in line
    assert line.count("***") == 3


def test_a_line_of_plain_logging_has_the_same_form() -> None:
    plain = logging.getLogger(f"{LOGGER_NAME}.launcher")
    (line,) = lines("kv", lambda log: plain.warning("zygote is gone pid=%d", 7))
    assert line.split(" ", 1)[1] == 'level=warning event=launcher host=host-a detail="zygote is gone pid=7"'


def test_an_exception_stays_on_one_line() -> None:
    def write(log: EventLog) -> None:
        try:
            raise ValueError("two\nlines")
        except ValueError:
            log.exception("loop_failed")

    (line,) = lines("kv", write)
    assert "ValueError: two\\nlines" in line.replace("\\\\", "\\")


def test_repeated_errors_are_counted_instead_of_repeated() -> None:
    def write(log: EventLog) -> None:
        for seconds in range(5):
            log.warning("server_unreachable", detail=f"no answer for {seconds} s")
        log.warning("server_unreachable", detail="refused")
        log.info("claimed")
        log.info("claimed")

    found = lines("kv", write)
    assert [line.split("event=")[1].split()[0] for line in found] == ["server_unreachable"] * 2 + ["claimed"] * 2


def test_after_a_minute_the_line_says_how_many_were_left_out() -> None:
    now = 100.0
    folding = Folding(lambda: now)

    def admit() -> tuple[bool, Any]:
        record = logging.LogRecord("x", logging.WARNING, "", 0, "gone", (), None)
        record.fields = {"detail": "gone"}
        return folding.admit(record), getattr(record, "fields", {}).get("repeated")

    assert admit() == (True, None)
    assert [admit()[0] for _ in range(3)] == [False] * 3
    now = 161.0
    assert admit() == (True, 3)
    now = 222.0
    assert admit() == (True, None)
