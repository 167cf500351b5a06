from datetime import timedelta

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from scheduler_site.access.enter import BROWSER_COOKIE
from scheduler_site.access.links import create_link, redeem
from scheduler_site.access.owner import owner
from scheduler_site.models import SignInLink
from tests.factories import make_user

pytestmark = pytest.mark.django_db


def path_of_new_link() -> str:
    return create_link("http://x").removeprefix("http://x")


def secret_of(path: str) -> str:
    return path.rpartition("/")[2]


def test_the_owner_is_made_once_and_has_no_password() -> None:
    made = owner()
    assert owner() == made
    assert made.is_superuser
    assert made.is_staff
    assert not made.has_usable_password()


def test_a_link_signs_in_and_goes_to_the_tasks() -> None:
    client = Client()
    reply = client.get(path_of_new_link())
    assert reply.status_code == 302
    assert reply["Location"] == "/tasks/"
    assert "no-store" in reply["Cache-Control"]
    assert client.session["_auth_user_id"] == str(owner().pk)


def test_the_same_browser_may_use_it_again_after_signing_out() -> None:
    client, path = Client(), path_of_new_link()
    client.get(path)
    del client.cookies[settings.SESSION_COOKIE_NAME]
    assert client.get(path).status_code == 302


def test_another_browser_is_refused_and_ends_the_link() -> None:
    first, second, path = Client(), Client(), path_of_new_link()
    first.get(path)
    reply = second.get(path)
    assert reply.status_code == 403
    assert b"make link" in reply.content
    assert "_auth_user_id" not in second.session
    assert redeem(secret_of(path), first.cookies[BROWSER_COOKIE].value) is None


def test_whoever_is_signed_in_goes_on_with_any_link() -> None:
    client = Client()
    client.force_login(make_user())
    assert client.get("/enter/unknown")["Location"] == "/tasks/"


def test_an_old_link_is_refused_and_then_forgotten() -> None:
    path = path_of_new_link()
    SignInLink.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert Client().get(path).status_code == 403
    create_link("http://x")
    assert SignInLink.objects.count() == 1


def test_looking_without_taking_does_not_spend_it() -> None:
    path = path_of_new_link()
    assert Client().head(path).status_code == 405
    assert Client().post(path).status_code == 405
    assert Client().get(path).status_code == 302


def test_only_hashes_are_stored() -> None:
    secret = secret_of(path_of_new_link())
    row = SignInLink.objects.values().get()
    assert secret not in str(row)


def test_an_owner_who_was_shut_out_stays_out() -> None:
    path, user = path_of_new_link(), owner()
    user.is_active = False
    user.save()
    assert Client().get(path).status_code == 403
