"""The part of the new-task form that says where a task may run."""

import re
from typing import Any

import pytest
from django.test import Client

from agents.models import Agent, CountedResource, Pool
from scheduler_site.access.role_setting import set_role
from scheduler_site.shared.actors import SYSTEM
from scheduler_site.shared.roles import Role
from tasks.models import Task
from tasks.pages import typed_lists
from tests.factories import make_agent, make_gpu, make_task, make_user
from tests.tasks.pages.test_new_task import filled, refusal, submit
from tests.tasks.placement_rows import make_reservation

CLOSED = '<details class="fold form-more placement">'
OPEN = '<details class="fold form-more placement" open>'


@pytest.fixture
def site() -> Agent:
    agent = make_agent("gpu-1")
    make_gpu(agent, name="NVIDIA A100-SXM4-80GB", memory_mib=81920)
    Pool.objects.create(name="big").agents.add(agent)
    CountedResource.objects.create(agent=agent, name="matlab", total=2)
    CountedResource.objects.create(name="bandwidth", total=4)
    return agent


ASKED: dict[str, Any] = {
    "gpu_count": 1,
    "pool": "big",
    "gpu_types": ["a100", "rtx 4090"],
    "requires": "a100 & !old",
    "prefers": ["nvlink", "80gb & !old"],
    "hosts": ["gpu-1"],
    "exclude_hosts": ["gpu-2"],
    "node_count": 1,
    "disk_mib": 1536,
    "resources": {"matlab": 1, "bandwidth": 2},
    "zone": "eu/berlin",
    "whole_host": True,
    "wait_for_host": True,
}


def typed(ask: dict[str, Any]) -> dict[str, str]:
    return {
        **{name: ", ".join(ask[name]) for name in ("gpu_types", "prefers", "hosts", "exclude_hosts")},
        **{name: str(ask[name]) for name in ("gpu_count", "pool", "requires", "node_count", "zone")},
        **{name: "on" for name in ("whole_host", "wait_for_host") if ask[name]},
        "disk_mib": "1.5",
        "resources": "matlab, bandwidth=2",
    }


def test_every_field(ada: Client, site: Agent) -> None:
    task = submit(ada, **typed(ASKED))
    assert {name: getattr(task, name) for name in ASKED} == ASKED


def test_it_is_closed_until_it_is_needed(ada: Client, site: Agent) -> None:
    html = ada.get("/tasks/new/").content.decode()
    assert CLOSED in html
    assert "Here: NVIDIA A100-SXM4-80GB." in html
    assert CLOSED in refusal(ada, cpu_cores="-1", node_count="1")
    assert OPEN in refusal(ada, cpu_cores="-1", zone="eu")


def test_run_again_copies_it_all(ada: Client, site: Agent) -> None:
    task = make_task("completed", **ASKED)
    html = ada.get(f"/tasks/new/?from={task.pk}").content.decode()
    assert OPEN in html
    reply = ada.post("/tasks/new/", filled(**shown(html)))
    assert reply.status_code == 302, reply.content.decode()
    again = Task.objects.latest("pk")
    assert {name: getattr(again, name) for name in ASKED} == ASKED


def shown(html: str) -> dict[str, str]:
    """What a browser would send of the fields of ASKED as the page shows them."""
    found = {}
    for name in ASKED:
        tag = re.search(rf'<input [^>]*name="{name}"[^>]*>', html)
        if tag is None:
            choice = re.search(rf'<select name="{name}".*?<option value="([^"]*)" selected', html, re.DOTALL)
            assert choice, name
            found[name] = choice[1]
        elif 'type="checkbox"' in tag[0]:
            found |= {name: "on"} if " checked" in tag[0] else {}
        else:
            found[name] = re.search(r'value="([^"]*)"', tag[0])[1].replace("&amp;", "&")  # type: ignore[index]
    return found


def test_a_copied_pool_that_is_gone_stays_chosen(ada: Client) -> None:
    task = make_task("completed", pool="gone")
    html = ada.get(f"/tasks/new/?from={task.pk}").content.decode()
    assert '<option value="gone" selected>' in html


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"requires": "a100 &"}, "a100 &amp; !(old | slow)"),
        ({"prefers": "nvlink, |"}, "cannot be read"),
        ({"gpu_types": "a100"}, "Needs at least one GPU"),
        ({"hosts": "gpu-1", "exclude_hosts": "gpu-1"}, "Names gpu-1, to which the task is also bound (hosts)."),
        ({"hosts": "gpu1"}, "There is no host gpu1; the closest is gpu-1."),
        ({"pool": "none"}, "not one of the available choices"),
        ({"node_count": "65"}, "less than or equal to 64"),
        ({"disk_mib": "much"}, "is not a number of GiB"),
        ({"resources": "matlab=x"}, "is not a name and a number"),
        ({"resources": "matlab, matlab=2"}, "is there twice"),
        ({"resources": "Mat Lab=1"}, "lower-case letters"),
        ({"reservation": "99"}, "not one of the available choices"),
        ({"utc_offset_minutes": "720", "deadline_at": "9999-12-31T23:00"}, "Must be between 1970 and 9998."),
        ({"deadline_at": "2020-01-01T00:00"}, "Must be still to come."),
    ],
)
def test_refusals_are_at_their_fields(ada: Client, site: Agent, values: dict[str, Any], words: str) -> None:
    html = refusal(ada, **values)
    assert words in html
    assert OPEN in html
    assert f'id="id_{list(values)[-1]}_error"' in html


def test_what_no_known_host_could_run_is_refused_with_the_way_out(ada: Client, site: Agent) -> None:
    html = refusal(ada, gpu_count="2")
    assert "No known host has 2 GPUs; the nearest is gpu-1 with 1 GPU of 80 GiB" in html
    assert html.count("tick “Wait for a future host”") == 1
    assert "wait_for_host to" not in html
    assert OPEN in html
    assert submit(ada, gpu_count="2", wait_for_host="on").wait_for_host


@pytest.mark.parametrize("is_staff", [True, False])
def test_open_reservations_are_offered_to_those_who_may_use_them(
    ada: Client, user: Any, site: Agent, is_staff: bool
) -> None:
    set_role(user, Role.OPERATOR if is_staff else Role.SUBMITTER, SYSTEM)
    mine = make_reservation(user, name="for the paper", cpu_cores=4)
    make_reservation(user, name="over", state="expired")
    make_reservation(make_user("bob"), name="bobs")
    html = ada.get("/tasks/new/").content.decode()
    assert f'<option value="{mine.pk}">{mine.pk} for the paper (pending)</option>' in html
    assert "over (expired)" not in html
    assert ("bobs (pending)" in html) == is_staff
    assert submit(ada, reservation=str(mine.pk)).reservation == mine


@pytest.mark.parametrize(
    ("text", "amounts"),
    [("", {}), (" , ", {}), ("a=1, b = 20,c", {"a": 1, "b": 20, "c": 1}), ("a=0", {"a": 0})],
)
def test_amounts_as_typed(text: str, amounts: dict[str, int]) -> None:
    assert typed_lists.parse_amounts(text) == amounts
    assert typed_lists.parse_amounts(typed_lists.show_amounts(amounts)) == amounts


@pytest.mark.parametrize("text", ["=1", "a=", "a=-1", "a=1.5", "a=²", "a=9999999999"])
def test_amounts_that_cannot_be_read(text: str) -> None:
    with pytest.raises(ValueError, match="such as matlab=1"):
        typed_lists.parse_amounts(text)
