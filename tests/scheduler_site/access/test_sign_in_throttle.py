"""Guessing passwords: how often, from where, and what is told."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from scheduler_site.models import AdministrativeEvent
from scheduler_site.shared import addresses
from tests.factories import make_user

pytestmark = pytest.mark.django_db
GOOD, WRONG = "correct horse", "battery staple"


@pytest.fixture
def grace() -> Any:
    user = make_user("grace")
    user.set_password(GOOD)
    user.save()
    return user


def tried(password: str, username: str = "grace", address: str = "192.0.2.7", **meta: str) -> tuple[int, str]:
    """Status, and what the page says."""
    form = {"username": username, "password": password}
    reply = Client(REMOTE_ADDR=address).post("/login/", form, **meta)  # type: ignore[arg-type]
    html = reply.content.decode()
    return reply.status_code, html.partition('role="alert">')[2].partition("</p>")[0]


def test_after_some_wrong_passwords_the_right_one_is_refused_too(grace: Any, settings: Any) -> None:
    said = {tried(WRONG) for _ in range(settings.SIGN_IN_FAILURES)}
    assert said | {tried(GOOD), tried(WRONG, "nobody")} == said  # the same words, whether wrong, locked or unknown
    assert len(said) == 1


def test_another_address_still_gets_in(grace: Any, settings: Any) -> None:
    for _ in range(settings.SIGN_IN_FAILURES):
        tried(WRONG)
    assert tried(GOOD, address="192.0.2.8")[0] == 302


def test_behind_our_proxy_the_client_s_address_counts(grace: Any, settings: Any) -> None:
    settings.TRUSTED_PROXIES = [addresses.network("10.0.0.1")]
    for number in range(settings.SIGN_IN_FAILURES):  # what stands further left anybody may have written
        tried(WRONG, address="10.0.0.1", HTTP_X_FORWARDED_FOR=f"198.51.100.{number}, 192.0.2.7")
    failed = AdministrativeEvent.objects.filter(verb="sign_in_failed")
    assert set(failed.values_list("address", flat=True)) == {"192.0.2.7"}
    assert tried(GOOD, address="10.0.0.1", HTTP_X_FORWARDED_FOR="192.0.2.7")[0] == 200
    assert tried(GOOD, address="10.0.0.1", HTTP_X_FORWARDED_FOR="192.0.2.8")[0] == 302


def test_a_stranger_s_word_of_his_address_is_not_believed(grace: Any, settings: Any) -> None:
    for number in range(settings.SIGN_IN_FAILURES):
        tried(WRONG, HTTP_X_FORWARDED_FOR=f"198.51.100.{number}")
    assert tried(GOOD, HTTP_X_FORWARDED_FOR="198.51.100.99")[0] == 200


def test_few_mistakes_lock_nobody_out(grace: Any, settings: Any) -> None:
    for _ in range(settings.SIGN_IN_FAILURES - 1):
        tried(WRONG)
    assert tried(GOOD)[0] == 302


def test_trying_many_accounts_from_one_address_ends(grace: Any, settings: Any) -> None:
    settings.SIGN_IN_ADDRESS_FAILURES = 5
    for number in range(5):
        tried(WRONG, f"user-{number}")
    assert tried(GOOD)[0] == 200


def test_what_is_refused_leaves_no_row(grace: Any, settings: Any) -> None:
    """The history is only ever added to: nobody who is not signed in may fill the disk with it."""
    for _ in range(settings.SIGN_IN_FAILURES + 5):
        tried(WRONG)
    assert AdministrativeEvent.objects.filter(verb="sign_in_failed").count() == settings.SIGN_IN_FAILURES


def test_it_passes_with_time(grace: Any, settings: Any) -> None:
    settings.SIGN_IN_WINDOW_SECONDS = 0.001
    for _ in range(settings.SIGN_IN_FAILURES):
        tried(WRONG)
    assert tried(GOOD)[0] == 302
    assert AdministrativeEvent.objects.filter(
        verb="sign_in_failed", at__gte=timezone.now() - timedelta(hours=1)
    ).exists()
