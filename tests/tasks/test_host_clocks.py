"""A host whose wall clock is wrong by years: what the server counts and orders by comes from its own clocks."""

from datetime import timedelta

import pytest
from django.utils import timezone

from tasks.models import SubAgent
from tasks.scheduling.run import run_pass
from tests.tasks.protocol import PaperHost, finish
from tests.tasks.test_flow import task

pytestmark = [pytest.mark.django_db, pytest.mark.matrix(21)]


@pytest.mark.parametrize("moment", ["1970-01-01T00:00:00Z", "2199-01-01T00:00:00Z"])
def test_what_a_host_says_of_time_moves_nothing(moment: str) -> None:
    host = PaperHost()
    host.open_session(host={"hostname": "host-1", "started_at": moment})
    first = task()
    second = task(depends_on=[{"id": first.pk, "kind": "afterok"}])
    run_pass()
    grant = host.claim(host.beat()["assignments"][0])
    began = timezone.now()
    host.report(grant, started={"pid": 7, "boot_id": "boot-1", "pid_start_ticks": 1})
    assert host.report(grant, finish=finish(ended_at=moment))["code"] == "ok"
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.status, second.status) == ("completed", "waiting")
    assert first.execution_time == 1.5  # measured on the host, by a clock that nobody sets
    sub_agent = SubAgent.objects.get()
    for said in (first.start_time, first.end_time, sub_agent.started_at, sub_agent.ended_at):
        assert said is not None
        assert abs(said - began) < timedelta(minutes=5)
