"""A task's page, and its page in the admin, show what was asked for about where it runs."""

from datetime import UTC, datetime
from typing import Any

from django.test import Client

from tasks.models import Task
from tasks.pages.asked import placement_facts
from tests.factories import make_task
from tests.tasks.placement_rows import make_reservation

ASKED: dict[str, Any] = {
    "gpu_count": 1,
    "gpu_types": ["a100", "h100"],
    "disk_mib": 1536,
    "resources": {"matlab": 1, "bandwidth": 2},
    "node_count": 3,
    "whole_host": True,
    "hosts": ["gpu-1", "gpu-2"],
    "exclude_hosts": ["gpu-3"],
    "pool": "big",
    "requires": "a100 & !old",
    "prefers": ["nvlink"],
    "zone": "eu/berlin",
    "wait_for_host": True,
}
WORDS = [
    ("GPU type", "a100 or h100"),
    ("Disk", "1.5 GiB"),
    ("Counted resources", "1 matlab, 2 bandwidth"),
    ("Number of hosts", "3, started together"),
    ("Whole host", "nothing else runs there meanwhile"),
    ("Pool", "big"),
    ("Only on", "gpu-1, gpu-2"),
    ("Not on", "gpu-3"),
    ("Requires", "a100 & !old"),
    ("Prefers", "nvlink"),
    ("Zone of its data", "eu/berlin"),
    ("Future host", "waits although no known host could run it"),
]


def test_only_what_was_asked_for_is_shown() -> None:
    assert placement_facts(Task()) == []
    assert placement_facts(Task(**ASKED)) == WORDS


def test_the_page_shows_it(ada: Client, user: Any) -> None:
    reservation = make_reservation(user)
    task = make_task(**ASKED, reservation=reservation, deadline_at=datetime(2027, 1, 1, tzinfo=UTC))
    html = ada.get(f"/tasks/{task.pk}/").content.decode()
    for label, words in [*WORDS, ("Inside reservation", str(reservation.pk))]:
        assert f"<dt>{label}</dt><dd>{words.replace('&', '&amp;')}</dd>" in html
    assert "on each of 3 hosts" in html
    assert "moves it forward within its priority" in html


def test_the_admin_shows_it(ada: Client, user: Any) -> None:
    user.is_superuser = True
    user.save()
    task = make_task(**ASKED)
    html = ada.get(f"/admin/tasks/task/{task.pk}/change/").content.decode()
    assert "Placement" in html
    assert "eu/berlin" in html
    assert "1.5 GiB" in html
