"""What a fleet asks all the time is answered with few queries, and without a write where nothing changed."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.tasks.protocol import PaperHost

pytestmark = pytest.mark.django_db(transaction=True)


def statements_of(call: Any) -> list[str]:
    with CaptureQueriesContext(connection) as seen:
        call()
    return [query["sql"] for query in seen.captured_queries]


def test_a_beat_without_news_reads_a_little_and_writes_nothing() -> None:
    host = PaperHost()
    host.beat()
    said = statements_of(host.beat)
    assert len(said) <= 4, said
    assert all(sql.startswith("SELECT") for sql in said), said


def test_a_session_of_a_host_without_cards_waits_for_one_transaction() -> None:
    host = PaperHost()
    said = statements_of(lambda: host.open_session([]))
    assert sum(sql.startswith("BEGIN") for sql in said) == 1, said
