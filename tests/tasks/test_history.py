"""History rows also become lines of the server's log, once they are committed."""

import logging

import pytest
from django.db import transaction

from scheduler_site.shared.actors import SYSTEM
from tasks.history import record
from tests.factories import make_sub_agent


@pytest.mark.django_db(transaction=True)
def test_a_line_with_the_ids_of_task_sub_agent_and_host(caplog: pytest.LogCaptureFixture) -> None:
    sub_agent = make_sub_agent()
    with caplog.at_level(logging.INFO, "tasks.history"):
        record(sub_agent.task_id, "placed", actor=SYSTEM, new="waiting", reason="on host", sub_agent=sub_agent)
    (line,) = caplog.messages
    assert line.startswith(f"task_placed task_id={sub_agent.task_id} to=waiting ")
    assert f"sub_agent_id={sub_agent.pk} agent_id={sub_agent.agent_id}" in line


@pytest.mark.django_db(transaction=True)
def test_what_was_rolled_back_is_not_told(caplog: pytest.LogCaptureFixture) -> None:
    task_id = make_sub_agent().task_id
    with caplog.at_level(logging.INFO, "tasks.history"), transaction.atomic():
        record(task_id, "placed", actor=SYSTEM)
        transaction.set_rollback(True)
    assert caplog.messages == []
