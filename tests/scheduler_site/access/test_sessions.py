"""Who is signed in: asked anew with every request, in two plain statements."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.factories import make_user

pytestmark = pytest.mark.django_db
ASKED = "/api/tasks/"


@pytest.fixture
def user() -> Any:
    return make_user("grace")


@pytest.fixture
def client(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    assert client.get(ASKED).status_code == 200
    return client


def test_session_and_account_are_one_plain_statement_each(client: Client) -> None:
    with CaptureQueriesContext(connection) as seen:
        client.get(ASKED)
    about = [query["sql"] for query in seen.captured_queries]
    for table in ("django_session", "auth_user"):
        (text,) = [sql for sql in about if f'FROM "{table}"' in sql]
        assert f'"{table}".' not in text  # as the ORM would write it


def test_signing_out_acts_at_once_elsewhere_too(client: Client, settings: Any) -> None:
    other, name = Client(), settings.SESSION_COOKIE_NAME
    other.cookies[name] = client.cookies[name].value
    assert other.get(ASKED).status_code == 200
    client.post("/logout/")
    assert other.get(ASKED).status_code == 401


def test_an_expired_session_is_none(client: Client) -> None:
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
    assert client.get(ASKED).status_code == 401


def test_a_session_that_was_thrown_away_is_none(client: Client) -> None:
    Session.objects.all().delete()
    assert client.get(ASKED).status_code == 401


def test_a_closed_account_is_out_at_once(client: Client, user: Any) -> None:
    user.is_active = False
    user.save()
    assert client.get(ASKED).status_code == 401


def test_a_new_password_ends_other_sessions(client: Client, user: Any) -> None:
    user.set_password("another correct horse")
    user.save()
    assert client.get(ASKED).status_code == 401


@pytest.mark.parametrize("key", ["x" * 32, "x" * 500, "'; DROP TABLE django_session; --", ""])
def test_a_key_that_nobody_gave_out_is_nobody(settings: Any, key: str) -> None:
    client = Client()
    client.cookies[settings.SESSION_COOKIE_NAME] = key
    assert client.get(ASKED).status_code == 401
