"""Tokens over REST: listed without what opens doors, and ended for good, by admins."""

from typing import Any

import pytest
from django.test import Client

from agents.enrolment import create_token as create_enrolment_token
from agents.enrolment import find_token as find_enrolment_token
from scheduler_site.access.tokens import create_token, find_token
from scheduler_site.models import AdministrativeEvent
from scheduler_site.shared.roles import Role
from tests.factories import make_user_of

pytestmark = pytest.mark.django_db
SECRETS = ("token", "hash")


@pytest.fixture
def admin() -> Client:
    client = Client()
    client.force_login(make_user_of(Role.ADMIN))
    return client


def listed(client: Client, kind: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = client.get(f"/api/{kind}/").json()["results"]
    assert not [name for row in rows for name in row if any(word in name for word in SECRETS)]
    return rows


def test_api_tokens_are_listed_and_revoked(admin: Client) -> None:
    row, plain = create_token(make_user_of(Role.SUBMITTER), "laptop")
    create_token(make_user_of(Role.VIEWER), "screen")
    assert [(one["label"], one["user"]) for one in listed(admin, "api-tokens")] == [
        ("screen", "viewer"),
        ("laptop", "submitter"),
    ]
    for _ in range(2):
        assert admin.post(f"/api/api-tokens/{row.pk}/revoke/").json()["revoked_at"]
    assert find_token(plain) is None
    event = AdministrativeEvent.objects.get(verb="api_token_revoked")
    assert (event.actor_name, event.subject) == ("admin", "api token laptop of submitter")


def test_enrolment_tokens_are_listed_and_revoked(admin: Client) -> None:
    row, plain = create_enrolment_token("rack 3", user=make_user_of(Role.OPERATOR), uses=20)
    create_enrolment_token("of nobody")
    assert [(one["label"], one["created_by"], one["uses_left"]) for one in listed(admin, "enrolment-tokens")] == [
        ("of nobody", None, 1),
        ("rack 3", "operator", 20),
    ]
    for _ in range(2):
        assert admin.post(f"/api/enrolment-tokens/{row.pk}/revoke/").json()["uses_left"] == 0
    assert find_enrolment_token(plain) is None
    event = AdministrativeEvent.objects.get(verb="enrolment_token_revoked")
    assert (event.actor_name, event.subject) == ("admin", "enrolment token rack 3")


@pytest.mark.parametrize("kind", ["api-tokens", "enrolment-tokens"])
def test_what_is_not_there_is_said(admin: Client, kind: str) -> None:
    assert admin.post(f"/api/{kind}/99/revoke/").status_code == 404
