"""API tokens in the admin, and every page of the admin for every registered model."""

import re

import pytest
from django.contrib import admin as django_admin
from django.test import Client

from scheduler_site.access.tokens import find_token
from scheduler_site.models import ApiToken
from tests.admin.people import administrator, said, staff_with
from tests.factories import make_user

pytestmark = pytest.mark.django_db
TOKENS = "/admin/scheduler_site/apitoken/"


@pytest.fixture
def admin() -> Client:
    return administrator()


def made(client: Client, user_id: int) -> str:
    reply = client.post(f"{TOKENS}add/", {"user": user_id, "label": "laptop"})
    found = re.search(r'class="vTextField secret-once" readonly value="([^"]+)"', said(reply))
    assert found, said(reply)
    return found[1]


def test_a_token_is_shown_once_and_works(admin: Client) -> None:
    plain = made(admin, make_user("bob").pk)
    row = find_token(plain)
    assert row is not None
    assert row.user.username == "bob"
    assert plain not in said(admin.get(TOKENS))


def test_a_revoked_token_is_refused_and_its_row_kept(admin: Client) -> None:
    plain = made(admin, make_user("bob").pk)
    row = ApiToken.objects.get()
    html = said(admin.post(TOKENS, {"action": "revoke", "_selected_action": [row.pk]}, follow=True))
    assert "1 API token revoked." in html
    assert find_token(plain) is None
    assert admin.post(f"{TOKENS}{row.pk}/delete/", {"post": "yes"}).status_code == 403


def test_only_a_superuser_makes_tokens_for_others() -> None:
    client, user = staff_with("scheduler_site.add_apitoken")
    assert client.post(f"{TOKENS}add/", {"user": make_user("bob").pk, "label": "x"}).status_code == 403
    assert not ApiToken.objects.exists()
    made(client, user.pk)


def test_who_may_only_look_cannot_revoke() -> None:
    made(administrator(), make_user("bob").pk)
    client, _ = staff_with("scheduler_site.view_apitoken")
    client.post(TOKENS, {"action": "revoke", "_selected_action": [ApiToken.objects.get().pk]})
    assert ApiToken.objects.get().revoked_at is None


def test_every_list_opens(admin: Client) -> None:
    for model in django_admin.site._registry:
        address = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        assert admin.get(address, follow=True).status_code == 200, address
        assert admin.get(f"{address}?q=x", follow=True).status_code == 200, address


def test_the_index_opens_and_refuses_who_is_not_staff(admin: Client, client: Client) -> None:
    assert "Administration" in said(admin.get("/admin/"))
    client.force_login(make_user("bob"))
    assert client.get("/admin/").status_code == 302


def test_a_new_token_is_one_s_own_unless_said_otherwise(admin: Client) -> None:
    html = said(admin.get(f"{TOKENS}add/"))
    assert re.search(r'<option value="\d+" selected>', html)


def test_times_are_in_the_order_of_the_other_pages(admin: Client) -> None:
    made(admin, make_user("bob").pk)
    created = ApiToken.objects.get().created_at
    assert f"{created:%Y-%m-%d %H:%M:%S}" in said(admin.get(TOKENS))
