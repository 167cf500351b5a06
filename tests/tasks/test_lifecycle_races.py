"""Two callers at the same moment: each verb is called with a row as it was read before the other one committed."""

import pytest

from scheduler_site.shared.actors import SYSTEM
from tasks import lifecycle
from tasks.models import SubAgent, Task
from tests.factories import make_sub_agent

pytestmark = pytest.mark.django_db


def as_read_before(sub_agent: SubAgent) -> SubAgent:
    return SubAgent.objects.select_related("task", "agent").get(pk=sub_agent.pk)


def test_a_start_said_twice_at_the_same_moment_is_said_once() -> None:
    first = make_sub_agent(state="starting", claim_nonce="n")
    second = as_read_before(first)
    lifecycle.start(first, pid=7, actor=SYSTEM)
    lifecycle.start(second, pid=7, actor=SYSTEM)
    assert second.state == "running"
    assert Task.objects.get(pk=first.task_id).events.filter(verb="started").count() == 1
