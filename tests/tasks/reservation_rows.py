"""Reservations for tests, in states that the rules allow, and passes that grant them."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from agents.models import Agent
from scheduler_site.shared.actors import SYSTEM
from tasks.models import Reservation
from tasks.reserving import reservation_outlook, reservations
from tasks.scheduling.run import run_pass
from tests.factories import make_user


def hours_ahead(hours: float) -> Any:
    return timezone.now() + timedelta(hours=hours)


def make_reservation(username: str = "ada", **fields: Any) -> Reservation:
    """A pending one, through its verb; an hour long if nothing else is said."""
    times = {} if "until" in fields else {"duration_seconds": 3600}
    asked = {"cpu_cores": 1} if "gpu_count" not in fields and "gpu_indices" not in fields else {}
    return reservations.create({**asked, **times, **fields}, actor=SYSTEM, user=make_user(username))


def granted(agent: Agent | None = None, **fields: Any) -> Reservation:
    """An active one, placed by a pass."""
    hosts = {"hosts": [agent.name]} if agent is not None else {}
    row = make_reservation(**{**hosts, **fields})
    while not run_pass():  # it ran out of its time slice
        pass
    row.refresh_from_db()
    assert row.state == "active", reservation_outlook.missing(row)
    return row


def set_back(row: Reservation, **columns: float) -> None:
    """Sets time columns to so many seconds ago."""
    moments = {name: timezone.now() - timedelta(seconds=seconds) for name, seconds in columns.items()}
    Reservation.objects.filter(pk=row.pk).update(**moments)
    row.refresh_from_db()
