"""A server process that stood by takes over the reaper: what the other one heard it does not know."""

import pytest
from django.conf import settings

from agents import breaker, liveness
from agents.models import Agent
from tasks import recovery, steady
from tasks.host_ends import leases
from tests.factories import make_agent

pytestmark = pytest.mark.django_db


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(liveness.time, "monotonic", found)
    monkeypatch.setattr(leases, "clock", found)
    for module, name, value in [
        (steady, "_last", None),
        (recovery, "_last_turn", None),
        (liveness, "_amnesty_until", 0.0),
        (liveness, "_heard", {}),
        (liveness, "_stamps", {}),
        (breaker, "_lapses", {}),
        (breaker, "_open_since", None),
        (breaker, "_heard_at", None),
    ]:
        monkeypatch.setattr(module, name, value)
    return found


def test_everybody_gets_time_to_be_heard(clock: Clock) -> None:
    agent = make_agent()
    liveness.heard(agent.pk)
    recovery.after_restart()
    clock.now += 3600  # in which the other one watched
    recovery.reaper_turn()
    assert Agent.objects.get().connectivity == "online"
    for _ in range(int(settings.AMNESTY_SECONDS / 4) + 1):
        clock.now += 4  # a turn that is late, but no stall
        recovery.reaper_turn()
    assert Agent.objects.get().connectivity == "unreachable"
