"""Placement rules, the site's resources and their history in the admin."""

import pytest
from django.test import Client

from agents.models import CountedResource, PlacementEvent, PlacementRules
from tests.admin.forms import sent
from tests.admin.people import administrator, said

pytestmark = pytest.mark.django_db
RULES = "/admin/agents/placementrules/"
RULE = f"{RULES}1/change/"
RESOURCES = "/admin/agents/countedresource/"


@pytest.fixture
def admin() -> Client:
    return administrator()


def test_the_list_leads_to_the_one_row(admin: Client) -> None:
    assert admin.get(RULES).headers["Location"] == RULE
    assert "fragmentation-aware" in said(admin.get(RULE))
    assert not PlacementRules.objects.exists()
    assert admin.get(f"{RULES}2/change/").status_code == 302
    assert admin.get(f"{RULES}add/").status_code == 403
    assert admin.post(f"{RULES}1/delete/", {"post": "yes"}).status_code == 403


def test_a_policy_is_chosen_and_written_down(admin: Client) -> None:
    html = said(admin.get(RULE))
    assert admin.post(RULE, sent(html, policy="random", ageing_hours="12")).status_code == 302
    assert (PlacementRules.current().policy, PlacementRules.current().ageing_hours) == ("random", 12.0)
    row = PlacementEvent.objects.get()
    assert (row.actor_name, row.to_state) == ("root", "random")
    assert "rules_changed" in said(admin.get("/admin/agents/placementevent/"))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("policy", "fastest"),
        ("policy", ""),
        ("ageing_hours", "0"),
        ("ageing_hours", "nan"),
        ("ageing_hours", "inf"),
        ("usage_half_life_hours", "x"),
        ("hold_after_seconds", "-1"),
        ("hold_after_seconds", "9999999999999"),
        ("start_hold_seconds", "1.5"),
    ],
)
def test_wrong_values_are_named(admin: Client, field: str, value: str) -> None:
    html = said(admin.post(RULE, sent(said(admin.get(RULE)), **{field: value})))
    assert html.count('class="errorlist"') == 1
    assert not PlacementRules.objects.exists()


def test_resources_of_the_site(admin: Client) -> None:
    admin.post(f"{RESOURCES}add/", {"name": "matlab", "total": "2"})
    row = CountedResource.objects.get()
    assert (row.agent, row.total) == (None, 2)
    admin.post(f"{RESOURCES}{row.pk}/change/", {"name": "other", "total": "5"})
    row.refresh_from_db()
    assert (row.name, row.total) == ("matlab", 5)
    admin.post(f"{RESOURCES}{row.pk}/delete/", {"post": "yes"})
    assert not CountedResource.objects.exists()
    verbs = PlacementEvent.objects.values_list("verb", flat=True)
    assert list(verbs) == ["resource_set", "resource_set", "resource_dropped"]


@pytest.mark.parametrize(("name", "total"), [("Mat Lab", "1"), ("matlab", "-1"), ("matlab", "x"), ("here", "2")])
def test_wrong_resources_are_named(admin: Client, name: str, total: str) -> None:
    CountedResource.objects.create(name="here", total=1)
    assert 'class="errorlist' in said(admin.post(f"{RESOURCES}add/", {"name": name, "total": total}))
    assert CountedResource.objects.get().total == 1
