"""The words that tasks have used, found without reading all tasks."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tasks.known_types import known_types
from tests.factories import make_task

pytestmark = pytest.mark.django_db


def test_each_once_and_not_the_empty_one() -> None:
    assert known_types() == []
    for word in ("train", "", "eval", "train", "a “b”", ""):
        make_task(template_type=word)
    assert sorted(known_types()) == sorted(["a “b”", "eval", "train"])


def test_one_query_however_many() -> None:
    for number in range(20):
        make_task(template_type=f"type-{number}")
    with CaptureQueriesContext(connection) as queries:
        assert len(known_types()) == 20
    assert len(queries) == 1
