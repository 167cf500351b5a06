"""Add a host: the token is made by the domain, shown once, and good for registering."""

import re

import pytest
from django.test import Client

from agents.enrolment import find_token
from agents.models import EnrolmentToken
from tests.factories import make_user

pytestmark = pytest.mark.django_db
GOOD = {"label": "rack 2", "uses": "3", "hours": "24"}


@pytest.fixture
def staff() -> Client:
    client = Client()
    client.force_login(make_user("ada", is_staff=True))
    return client


def test_looking_at_the_form_makes_no_token(staff: Client) -> None:
    assert "How many hosts" in staff.get("/agents/add/").content.decode()
    assert not EnrolmentToken.objects.exists()


def test_the_shown_token_is_good_and_the_page_is_not_kept(staff: Client) -> None:
    reply = staff.post("/agents/add/", GOOD)
    html = reply.content.decode()
    found = re.search(r"&#x27;(\S{20,})&#x27;|'([\w-]{20,})'", html)
    assert found, html
    row = find_token(found[1] or found[2])
    assert row is not None
    assert (row.label, row.uses_left, row.created_by.username) == ("rack 2", 3, "ada")  # type: ignore[union-attr]
    assert "nightshift agent --server http://testserver --token-file nightshift-token" in html
    assert "no-store" in reply.headers["Cache-Control"]


def test_the_token_is_in_no_later_page(staff: Client) -> None:
    html = staff.post("/agents/add/", GOOD).content.decode()
    token = next(word for word in re.findall(r"[\w-]{20,}", html) if find_token(word))
    for address in ("/agents/add/", "/agents/"):
        assert token not in staff.get(address).content.decode()


@pytest.mark.parametrize(("name", "value"), [("uses", "0"), ("uses", "many"), ("hours", "-1"), ("label", "")])
def test_wrong_values_are_named(staff: Client, name: str, value: str) -> None:
    reply = staff.post("/agents/add/", {**GOOD, name: value})
    assert reply.status_code == 422
    assert f'id="id_{name}_error"' in reply.content.decode()
    assert not EnrolmentToken.objects.exists()


def test_people_who_are_not_staff_may_not(client: Client) -> None:
    client.force_login(make_user("bob"))
    assert client.post("/agents/add/", GOOD).status_code == 403
    assert not EnrolmentToken.objects.exists()
