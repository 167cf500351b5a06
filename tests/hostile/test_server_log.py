"""The corpus in the server's own log: no forged line, no control character."""

import logging

import pytest

from scheduler_site import system_log
from tests.hostile.corpus import strings
from tests.hostile.test_corpus import controls


def test_no_line_of_the_server_s_log_can_be_forged() -> None:
    for text in strings():
        assert not controls(system_log.escaped(text)), repr(text)
        assert "\u2028" not in system_log.escaped(text)


def test_what_is_logged_stays_one_line(caplog: pytest.LogCaptureFixture) -> None:
    log = logging.getLogger("nightshift.hostile")
    for text in strings():
        with caplog.at_level(logging.WARNING):
            caplog.clear()
            log.warning("host_said text=%r", text.encode("utf-8", "replace").decode())
        for formatter in (system_log.KeyValueLines(), system_log.JsonLines()):
            assert len(formatter.format(caplog.records[0]).splitlines()) == 1, repr(text)
