"""Hosts and enrolment tokens in the admin: verbs of agents.administration, secrets shown once."""

import re

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from agents.enrolment import find_token
from agents.models import Agent, EnrolmentToken
from tests.admin.forms import sent
from tests.admin.people import administrator, said
from tests.factories import make_agent

pytestmark = pytest.mark.django_db
LIST = "/admin/agents/agent/"
TOKENS = "/admin/agents/enrolmenttoken/"


@pytest.fixture
def admin() -> Client:
    return administrator()


def test_the_list_and_the_page_of_a_host(admin: Client) -> None:
    agent = make_agent("gpu-1", gpus=1, connectivity="suspect", standing="paused")
    html = said(admin.get(LIST))
    assert "gpu-1" in html
    assert "64 GiB" in html
    assert "paused" in html
    assert "Test GPU" in said(admin.get(f"{LIST}{agent.pk}/change/"))


def test_state_cannot_be_written_by_form(admin: Client) -> None:
    agent = make_agent("gpu-1")
    address = f"{LIST}{agent.pk}/change/"
    body = sent(said(admin.get(address)), standing="deactivated", name="other", weight="2")
    assert admin.post(address, body).status_code == 302
    agent.refresh_from_db()
    assert (agent.standing, agent.name, float(agent.weight)) == ("active", "gpu-1", 2.0)
    assert admin.get(f"{LIST}add/").status_code == 403
    assert admin.post(f"{LIST}{agent.pk}/delete/", {"post": "yes"}).status_code == 403


@pytest.mark.parametrize(
    ("verb", "before", "after"),
    [
        ("pause", "active", "paused"),
        ("resume", "paused", "active"),
        ("deactivate", "active", "deactivated"),
        ("reactivate", "deactivated", "active"),
    ],
)
def test_every_verb_as_button_and_as_action(admin: Client, verb: str, before: str, after: str) -> None:
    one, two = make_agent("one", standing=before), make_agent("two", standing=before)
    assert f"{one.pk}/{verb}/" in said(admin.get(f"{LIST}{one.pk}/change/"))
    admin.post(f"{LIST}{one.pk}/{verb}/", {"confirmed": "yes", "reason": "because"})
    admin.post(LIST, {"action": verb, "_selected_action": [str(two.pk)], "confirmed": "yes"})
    assert set(Agent.objects.values_list("standing", flat=True)) == {after}
    assert one.events.get().reason == "because"  # type: ignore[attr-defined]
    assert LogEntry.objects.filter(object_id=str(one.pk)).exists()


def test_a_refused_verb_says_why(admin: Client) -> None:
    agent = make_agent("gpu-1", standing="paused")
    html = said(admin.post(f"{LIST}{agent.pk}/pause/", {"confirmed": "yes"}, follow=True))
    assert "is paused; it cannot be changed by “pause”." in html


def test_a_token_is_shown_once_and_works(admin: Client) -> None:
    reply = admin.post(f"{TOKENS}add/", {"label": "rack 2", "uses": "2", "hours": "1"})
    found = re.search(r'class="vTextField secret-once" readonly value="([^"]+)"', said(reply))
    assert found
    row = find_token(found[1])
    assert row is not None
    assert (row.label, row.uses_left, row.created_by.username) == ("rack 2", 2, "root")  # type: ignore[union-attr]
    assert "no-store" in reply.headers["Cache-Control"]
    for address in (TOKENS, f"{TOKENS}{row.pk}/change/"):
        assert found[1] not in said(admin.get(address))


def test_wrong_values_of_a_token_are_named(admin: Client) -> None:
    html = said(admin.post(f"{TOKENS}add/", {"label": "", "uses": "0", "hours": "x"}))
    assert html.count('class="errorlist"') == 3
    assert not EnrolmentToken.objects.exists()


def test_a_token_can_be_revoked_but_not_changed(admin: Client) -> None:
    admin.post(f"{TOKENS}add/", {"label": "rack 2", "uses": "2", "hours": "1"})
    row = EnrolmentToken.objects.get()
    assert admin.post(f"{TOKENS}{row.pk}/change/", {"uses_left": "99"}).status_code == 403
    admin.post(f"{TOKENS}{row.pk}/delete/", {"post": "yes"})
    assert not EnrolmentToken.objects.exists()
