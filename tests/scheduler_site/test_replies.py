"""Headers of replies, refusals of REST, health, and the way to sign in by password."""

import pytest
from django.db import OperationalError, connection
from django.test import Client
from rest_framework.exceptions import NotAuthenticated, ParseError, ValidationError

from scheduler_site.health import health_report
from scheduler_site.shared.errors import Conflict, Invalid, OffsetGap
from scheduler_site.shared.identity import identity_row
from scheduler_site.shared.rest_errors import answer
from tests.factories import make_user


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/health/", "/login/", "/enter/x", "/admin/login/", "/api/tasks/"])
def test_every_reply_says_what_a_page_may_load(path: str) -> None:
    reply = Client().get(path)
    assert "script-src 'self';" in reply["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in reply["Content-Security-Policy"]
    assert reply["X-Content-Type-Options"] == "nosniff"
    assert reply["X-Frame-Options"] == "DENY"
    assert reply["Referrer-Policy"] == "same-origin"


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/agent/v1/heartbeat", "/agent/v1/nothing", "/agent/v1/register"])
def test_agents_learn_whose_reply_it_is(path: str) -> None:
    identity_row()
    assert Client().post(path, b"{}", content_type="application/json")["X-Instance"]


@pytest.mark.django_db
def test_a_foreign_host_name_is_refused() -> None:
    assert Client().get("/login/", headers={"Host": "evil.example"}).status_code == 400


@pytest.mark.django_db
def test_signing_in_by_password_and_out_again() -> None:
    user = make_user("grace")
    user.set_password("correct horse")
    user.save()
    client = Client()
    assert client.post("/login/", {"username": "grace", "password": "correct horse"})["Location"] == "/tasks/"
    assert client.get("/logout/").status_code == 405
    client.post("/logout/")
    assert "_auth_user_id" not in client.session


@pytest.mark.django_db
def test_health_without_loops_is_red() -> None:
    reply = Client().get("/health/")
    assert reply.status_code == 503
    assert reply.json()["database"] == "ok"
    assert health_report()["scheduling"] is False


def test_refusals_of_the_domain() -> None:
    conflict = answer(Conflict("It has ended."), {})
    assert conflict is not None
    assert (conflict.status_code, conflict.data) == (409, {"code": "conflict", "detail": "It has ended."})
    gap = answer(OffsetGap("There is a gap.", stored=7), {})
    assert gap is not None
    assert gap.data["stored"] == 7
    invalid = answer(Invalid("priority", "must be between 1 and 5"), {})
    assert invalid is not None
    assert (invalid.status_code, invalid.data) == (400, {"priority": ["must be between 1 and 5"]})


def test_refusals_of_the_framework_carry_a_code_beside_the_detail() -> None:
    for error in (ParseError("no JSON"), NotAuthenticated()):
        reply = answer(error, {})
        assert reply is not None
        assert set(reply.data) == {"code", "detail"}
    fields = answer(ValidationError({"name": ["too long"]}), {})
    assert fields is not None
    assert fields.data == {"name": ["too long"]}


def test_a_busy_database_is_to_be_tried_again_and_a_fault_is_not_hidden() -> None:
    for words in ("database is locked", "disk I/O error"):
        busy = answer(OperationalError(words), {})
        assert busy is not None
        assert busy.status_code == 503
        assert busy.headers["Retry-After"] == "1"
    if connection.vendor == "sqlite":  # which alone says it so
        assert answer(OperationalError("no such table: tasks_task"), {}) is None
    assert answer(ZeroDivisionError(), {}) is None
