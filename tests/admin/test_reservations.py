"""Reservations in the admin: read, found, released through their verb; never added, changed or deleted."""

import pytest
from django.test import Client

from tasks.models import Reservation
from tests.admin.people import administrator, said
from tests.factories import make_agent
from tests.tasks.reservation_rows import granted, make_reservation

pytestmark = pytest.mark.django_db
LIST = "/admin/tasks/reservation/"


@pytest.fixture
def admin() -> Client:
    return administrator()


def test_the_list_and_one_of_it(admin: Client) -> None:
    row = granted(make_agent("gpu-1", gpus=2), gpu_indices=[1], name="demo")
    html = said(admin.get(LIST))
    for text in ("demo", "gpu-1", "active"):
        assert text in html
    html = said(admin.get(f"{LIST}{row.pk}/change/"))
    for text in ("Holds GPU 1 on gpu-1 until", "pending → active", "nightshift (system)"):
        assert text in html


def test_nothing_can_be_added_changed_or_deleted(admin: Client) -> None:
    row = make_reservation(name="demo")
    assert admin.get(f"{LIST}add/").status_code == 403
    assert admin.post(f"{LIST}{row.pk}/change/", {"name": "other"}).status_code == 403
    assert admin.post(f"{LIST}{row.pk}/delete/", {"post": "yes"}).status_code == 403
    assert Reservation.objects.get().name == "demo"


def test_released_after_a_question(admin: Client) -> None:
    row = granted(make_agent("gpu-1"))
    action = {"action": "release", "_selected_action": [row.pk]}
    assert "Holds 1 CPU core on gpu-1 until" in said(admin.post(LIST, action))
    assert Reservation.objects.get().state == "active"
    assert "1 reservation released or withdrawn." in said(
        admin.post(LIST, {**action, "confirmed": "yes", "reason": "tidy"}, follow=True)
    )
    row.refresh_from_db()
    assert (row.state, row.end_detail) == ("released", "tidy")
    assert "is released" in said(admin.post(LIST, {**action, "confirmed": "yes"}, follow=True))
