"""GET tasks/wait, as far as it goes without a server that lets it hang: see tests/acceptance/test_task_wait.py."""

import gc
from typing import Any

import pytest

from tasks import waiters
from tasks.api.wait import MOST_IDS
from tests.factories import make_task
from tests.rest import rest

pytestmark = pytest.mark.django_db


def wait(**query: Any) -> Any:
    return rest().get("/api/tasks/wait/", query)


def test_says_what_has_ended_and_what_has_not() -> None:
    ids = {status: make_task(status).pk for status in ("completed", "failed", "canceled", "running", "waiting")}
    reply = wait(id=",".join(map(str, ids.values())))
    assert reply.status_code == 200
    ended = sorted([ids["completed"], ids["failed"], ids["canceled"]])
    still_open = sorted([ids["running"], ids["waiting"]])
    assert reply.json() == {"ended": ended, "completed": [ids["completed"]], "open": still_open}


def test_an_unknown_task_is_named() -> None:
    reply = wait(id=f"{make_task('waiting').pk},999")
    assert (reply.status_code, reply.json()["detail"]) == (404, "There is no task 999.")
    gc.collect()
    assert not waiters._waiting


@pytest.mark.parametrize(
    ("field", "query"),
    [
        ("id", {}),
        ("id", {"id": ""}),
        ("id", {"id": "1,"}),
        ("id", {"id": "-1"}),
        ("id", {"id": "last"}),
        ("id", {"id": ",".join(map(str, range(MOST_IDS + 1)))}),
        ("until", {"id": "1", "until": "some"}),
        ("seconds", {"id": "1", "seconds": "-1"}),
        ("seconds", {"id": "1", "seconds": "3600"}),
        ("seconds", {"id": "1", "seconds": "nan"}),
        ("since", {"id": "1", "since": "1"}),
    ],
)
def test_rubbish_is_named(field: str, query: dict[str, str]) -> None:
    reply = wait(**query)
    assert reply.status_code == 400
    assert list(reply.json()) == [field]
