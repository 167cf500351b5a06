"""The pages of reservations: list, form, release, another end; and what the hosts' cards say of them."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from tasks.agent_tree import agent_tree
from tasks.models import Reservation
from tasks.pages.agents import shape
from tasks.scheduling.run import run_pass
from tests.factories import make_agent, make_task, make_user
from tests.tasks.reservation_rows import granted, hours_ahead, make_reservation

pytestmark = pytest.mark.django_db
URL = "/reservations/"
HTMX = {"HX-Request": "true"}


@pytest.fixture
def ada() -> Client:
    client = Client()
    client.force_login(make_user("ada"))
    return client


@pytest.fixture
def bob() -> Client:
    client = Client()
    client.force_login(make_user("bob"))
    return client


def page(client: Client, address: str = URL, **headers: str) -> str:
    reply = client.get(address, headers=headers)
    assert reply.status_code == 200
    return reply.content.decode()


def test_visitors_are_sent_to_sign_in(client: Client) -> None:
    for address in (URL, f"{URL}new/", f"{URL}1/release/", f"{URL}1/extend/"):
        assert client.get(address).status_code == 302


def test_an_empty_list_says_what_it_is_for(ada: Client) -> None:
    assert "Nothing is reserved" in page(ada)


def test_the_list_shows_what_is_held_and_what_is_lacking(ada: Client) -> None:
    agent = make_agent("gpu-1", gpus=4)
    row = granted(agent, gpu_indices=[3], name="demo <b>")
    make_task(reservation=row)
    make_reservation(gpu_indices=[3], hosts=["gpu-1"])
    html = page(ada)
    for text in ("demo &lt;b&gt;", "Holds GPU 3 on gpu-1 until", "gpu-1 has GPU 3 in use", "pending", "Withdraw"):
        assert text in html
    assert f'href="/agents/#agent-{agent.pk}"' in html


def test_ended_ones_are_shown_when_asked_for(ada: Client) -> None:
    row = make_reservation(name="past")
    Reservation.objects.filter(pk=row.pk).update(state="timed_out", end_detail="Found no room in time.")
    assert "past" not in page(ada)
    html = page(ada, f"{URL}?all")
    assert "timed out" in html
    assert "Found no room in time." in html


def test_the_open_page_gets_the_table_alone(ada: Client) -> None:
    make_reservation()
    html = page(ada, **HTMX)
    assert "<html" not in html
    assert "<table" in html


def test_only_its_owner_is_offered_the_buttons(ada: Client, bob: Client) -> None:
    row = make_reservation("ada")
    assert f"{URL}{row.pk}/release/" in page(ada)
    assert f"{URL}{row.pk}/release/" not in page(bob)
    for question in ("release", "extend"):
        assert bob.get(f"{URL}{row.pk}/{question}/").status_code == 403
        assert bob.post(f"{URL}{row.pk}/{question}/").status_code == 403


def test_reserved_by_the_form(ada: Client) -> None:
    make_agent("gpu-1", gpus=4)
    typed = {"name": "demo", "hosts": "gpu-1", "gpu_indices": "3, 1", "duration_seconds": "2h", "priority": "2"}
    reply = ada.post(f"{URL}new/", {**typed, "wait_seconds": "30m", "memory_mib": "4"})
    assert reply.headers["Location"] == URL
    row = Reservation.objects.get()
    assert (row.gpu_indices, row.hosts, row.duration_seconds, row.memory_mib) == ([3, 1], ["gpu-1"], 7200, 4096)
    assert (row.priority, row.submitted_by.get_username() if row.submitted_by else "") == (2, "ada")


def test_the_end_is_typed_in_the_browsers_time(ada: Client) -> None:
    end = hours_ahead(9).replace(second=0, microsecond=0)
    shown = f"{end - timedelta(hours=2):%Y-%m-%dT%H:%M}"
    typed = {"cpu_cores": "1", "priority": "3", "until": shown, "utc_offset_minutes": "120"}
    assert ada.post(f"{URL}new/", typed).status_code == 302
    assert Reservation.objects.get().until == end


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ({"gpu_indices": "three"}, "three is not the number of a GPU"),
        ({"cpu_cores": "1", "duration_seconds": "soon"}, "is not a duration"),
        ({"cpu_cores": "1"}, "Give an end, or a duration"),
        (
            {"cpu_cores": "1", "until": "9999-12-31T23:00", "utc_offset_minutes": "720"},
            "Must be between 1970 and 9998.",
        ),
        ({"duration_seconds": "2h"}, "Ask for something"),
        ({"duration_seconds": "2h", "gpu_indices": "9", "hosts": "gpu-1"}, "GPU 9"),
        ({"duration_seconds": "2h", "cpu_cores": "1", "hosts": "nowhere"}, "There is no host nowhere."),
    ],
)
def test_what_is_wrong_is_said_at_the_field(ada: Client, typed: dict[str, str], sentence: str) -> None:
    make_agent("gpu-1", gpus=4)
    reply = ada.post(f"{URL}new/", {"priority": "3", **typed})
    assert reply.status_code == 422
    assert sentence in reply.content.decode()
    assert not Reservation.objects.exists()


def test_a_link_fills_the_form_in(ada: Client) -> None:
    html = page(ada, f"{URL}new/?host=gpu-1&gpu=3")
    assert 'value="gpu-1"' in html
    assert 'value="3"' in html


def test_released_after_a_question(ada: Client) -> None:
    row = granted(make_agent("gpu-1"))
    make_task(reservation=row)
    html = page(ada, f"{URL}{row.pk}/release/", **HTMX)
    assert "1 open task names it" in html
    reply = ada.post(f"{URL}{row.pk}/release/", {"reason": "done"}, headers=HTMX)
    assert reply.status_code == 204
    row.refresh_from_db()
    assert (row.state, row.end_detail) == ("released", "done")
    assert ada.post(f"{URL}{row.pk}/release/").status_code == 409


def test_another_end(ada: Client) -> None:
    row = granted(make_agent("gpu-1"))
    assert "Change the end" in page(ada, f"{URL}{row.pk}/extend/")
    end = hours_ahead(9).replace(second=0, microsecond=0)
    for typed, status in ((f"{hours_ahead(-1):%Y-%m-%dT%H:%M}", 422), ("", 422), (f"{end:%Y-%m-%dT%H:%M}", 302)):
        assert ada.post(f"{URL}{row.pk}/extend/", {"until": typed}).status_code == status
    far = {"until": "9999-12-31T23:59", "utc_offset_minutes": "720"}
    assert ada.post(f"{URL}{row.pk}/extend/", far).status_code == 422
    row.refresh_from_db()
    assert row.until == end


def test_the_page_costs_the_same_however_long(ada: Client, django_assert_max_num_queries: Any) -> None:
    agent = make_agent("gpu-1", gpus=4)
    for index in range(4):
        granted(agent, gpu_indices=[index])
        make_reservation(cpu_cores=16)
    with django_assert_max_num_queries(22):
        page(ada)


def test_a_hosts_card_says_what_is_reserved_until_when(bob: Client) -> None:
    agent = make_agent("gpu-1", gpus=2)
    empty = shape(agent_tree()[0])
    row = granted(agent, gpu_indices=[1], cpu_cores=6, name="demo")
    assert placed_inside(row, cpu_cores=2)
    (values,) = agent_tree()
    assert [card["reservation_ids"] for card in values["gpu_info"]] == [[], [row.pk]]
    assert (values["cpu_cores_in_use"], values["available_cpu_cores"]) == (2, 10)
    assert shape(values) != empty
    html = page(bob, "/agents/")
    assert f"Reservation {row.pk} demo</a> of ada: 6 cores, GPU 1 until" in html


def placed_inside(row: Reservation, **fields: Any) -> bool:
    task = make_task(reservation=row, submitted_by=make_user("ada"), **fields)
    while not run_pass():
        pass
    task.refresh_from_db()
    return task.current_fence is not None


def test_a_new_task_goes_into_the_reservation_that_the_link_names(ada: Client) -> None:
    row = make_reservation()
    html = page(ada, f"/tasks/new/?reservation={row.pk}")
    assert f'<option value="{row.pk}" selected>' in html
