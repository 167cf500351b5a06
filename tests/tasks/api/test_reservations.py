"""Reservations over REST: made, listed, put off, given back; who may; and whatever is sent, never a fault."""

import json
from typing import Any

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from tasks.api.reservation_shapes import ReservationCreateRequest, ReservationEditRequest
from tasks.models import Reservation
from tests.factories import make_agent, make_task, make_user
from tests.rest import patch, post, rest
from tests.tasks.api.test_fuzz import VALUES, bodies, fuzzed, sent
from tests.tasks.reservation_rows import granted, hours_ahead, make_reservation

pytestmark = pytest.mark.django_db
URL = "/api/reservations/"
GOOD = {"cpu_cores": 1, "duration_seconds": 3600}


@pytest.fixture
def ada() -> Client:
    return rest("ada")


def test_made(ada: Client) -> None:
    make_agent("gpu-1", gpus=4)
    until = hours_ahead(2).isoformat()
    reply = post(ada, URL, {"name": "demo", "hosts": ["gpu-1"], "gpu_indices": [3], "until": until})
    assert reply.status_code == 201
    body = reply.json()
    assert reply.headers["Location"] == f"{URL}{body['id']}/"
    assert (body["state"], body["submitted_by"], body["gpu_count"], body["cpu_cores"]) == ("pending", "ada", 1, 1)
    assert body["sentence"] == "Needs 1 CPU core and GPU 3 on gpu-1; next in line."
    assert ada.get(f"{URL}{body['id']}/").json() == body


def test_what_is_held_is_shown(ada: Client) -> None:
    row = granted(make_agent("gpu-1", gpus=4), gpu_indices=[3])
    make_task(reservation=row)
    body = ada.get(f"{URL}{row.pk}/").json()
    assert (body["state"], body["agent_name"], body["open_tasks"]) == ("active", "gpu-1", 1)
    assert [card["index"] for card in body["gpus"]] == [3]
    assert body["sentence"].startswith("Holds GPU 3 on gpu-1 until ")


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", ["c", "b", "a"]),
        ("?state=pending", ["c", "b"]),
        ("?state=active,canceled", ["a"]),
        ("?host=gpu-1", ["a"]),
        ("?mine=true", ["c", "a"]),
        ("?mine=true&state=pending", ["c"]),
    ],
)
def test_the_list_can_be_narrowed(ada: Client, query: str, names: list[str]) -> None:
    granted(make_agent("gpu-1"), name="a")
    make_reservation("bob", name="b")
    make_reservation(name="c")
    assert [row["name"] for row in ada.get(URL + query).json()["results"]] == names


@pytest.mark.parametrize("query", ["?state=gone", "?mine=perhaps", "?hots=gpu-1"])
def test_a_wrong_filter_is_refused(ada: Client, query: str) -> None:
    assert ada.get(URL + query).status_code == 400


def test_a_list_costs_the_same_however_long(ada: Client, django_assert_max_num_queries: Any) -> None:
    agent = make_agent("gpu-1", gpus=4)
    for index in range(4):
        granted(agent, gpu_indices=[index])
    for _ in range(4):
        make_reservation(cpu_cores=16)
    with django_assert_max_num_queries(20):
        assert ada.get(URL).json()["count"] == 8


def test_put_off(ada: Client) -> None:
    row = granted(make_agent())
    until = hours_ahead(9)
    reply = patch(ada, f"{URL}{row.pk}/", {"until": until.isoformat()})
    assert reply.status_code == 200
    row.refresh_from_db()
    assert row.until == until
    assert set(patch(ada, f"{URL}{row.pk}/", {"until": hours_ahead(-1).isoformat()}).json()) == {"until"}
    assert set(patch(ada, f"{URL}{row.pk}/", {"cpu_cores": 3}).json()) == {"cpu_cores", "until"}


def test_given_back_once(ada: Client) -> None:
    row = granted(make_agent())
    reply = post(ada, f"{URL}{row.pk}/release/", {"reason": "done early"})
    assert (reply.status_code, reply.json()["state"], reply.json()["sentence"]) == (200, "released", "done early")
    again = post(ada, f"{URL}{row.pk}/release/")
    assert (again.status_code, again.json()["status"]) == (409, "released")
    verbs = [event["verb"] for event in ada.get(f"{URL}{row.pk}/events/").json()["results"]]
    assert verbs == ["reserved", "granted", "released"]


def test_only_its_owner_and_staff_may_change_it() -> None:
    row = granted(make_agent())
    for path, body in ((f"{URL}{row.pk}/release/", {}), (f"{URL}{row.pk}/", {"until": hours_ahead(9).isoformat()})):
        send = post if "release" in path else patch
        assert send(rest("bob"), path, body).status_code == 403
    assert rest("bob").get(f"{URL}{row.pk}/").status_code == 200
    assert post(rest("root", is_staff=True), f"{URL}{row.pk}/release/").status_code == 200


def test_there_is_no_such_reservation(ada: Client) -> None:
    assert ada.get(f"{URL}77/").status_code == 404
    assert post(ada, f"{URL}77/release/").status_code == 404
    assert Client().get(URL).status_code == 401


@fuzzed(80)
@given(change=bodies(ReservationCreateRequest))
def test_create_never_fails(change: dict[str, Any]) -> None:
    client = rest("ada")
    before = Reservation.objects.count()
    response = sent(client, URL, {**GOOD, **change})
    assert response.status_code in (201, 400)
    if response.status_code == 400:
        assert set(response.json()) - {"code", "detail"}
        assert Reservation.objects.count() == before
        return
    assert client.get(f"{URL}{response.json()['id']}/").json() == response.json()


@fuzzed(30)
@given(change=bodies(ReservationEditRequest) | st.dictionaries(st.just("until"), VALUES))
def test_change_never_fails(change: dict[str, Any]) -> None:
    row = make_reservation()
    reply = rest("ada").patch(f"{URL}{row.pk}/", json.dumps(change), content_type="application/json")
    assert reply.status_code in (200, 400)


def test_a_user_without_a_name_in_the_row() -> None:
    make_user("ada")
    Reservation.objects.create(wait_until=hours_ahead(1), until=hours_ahead(2), cpu_cores=1)
    assert rest("ada").get(URL).json()["results"][0]["submitted_by"] is None
