"""Pages while the database cannot be used: asked again later, not called a fault of the server."""

from typing import Any

import pytest
from django.db import OperationalError, ProgrammingError, connection
from django.test import Client

from tests.factories import make_user

pytestmark = pytest.mark.django_db
PLACES = ("scheduler_site.pages.overview.render", "django.contrib.sessions.backends.db.SessionStore.load")
NO_TABLE = (OperationalError if connection.vendor == "sqlite" else ProgrammingError)("no such table: tasks_task")


@pytest.fixture
def reader() -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(make_user("bob"))
    return client


@pytest.mark.matrix(37)
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("words", ["database is locked", "database or disk is full", "unable to open database file"])
def test_a_page_says_to_come_again(reader: Client, place: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(place, _failing(OperationalError(words)))
    reply = reader.get("/overview/")
    assert (reply.status_code, reply.headers["Retry-After"]) == (503, "1")
    assert "The database cannot be used at the moment" in reply.content.decode()


@pytest.mark.parametrize("error", [NO_TABLE, ValueError("a fault of ours")])
def test_a_fault_stays_a_fault(reader: Client, error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PLACES[0], _failing(error))
    reply = reader.get("/overview/")
    assert reply.status_code == 500
    assert "Something went wrong on the server" in reply.content.decode()


def _failing(error: Exception) -> Any:
    def fail(*_: Any, **__: Any) -> Any:
        raise error

    return fail
