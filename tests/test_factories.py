"""The factories make rows that the rules allow: other tests stand on them."""

import pytest

from tasks.models import SubAgent, Task
from tasks.states import LIVE_STATES, SubAgentState, TaskStatus
from tests.factories import make_agent, make_sub_agent, make_task, make_template, make_user

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("status", TaskStatus.values)
def test_every_status_keeps_the_fence_rule(status: str) -> None:
    task = Task.objects.get(pk=make_task(status).pk)
    live = SubAgent.objects.filter(task=task, state__in=LIVE_STATES)
    assert task.status == status
    assert [sub_agent.fence for sub_agent in live] == ([task.current_fence] if task.current_fence else [])
    assert (status == TaskStatus.RUNNING) == bool(live)


def test_blocked_counts_only_open_dependencies() -> None:
    done, open_task = make_task("completed"), make_task()
    assert make_task("blocked", depends_on=[done, (open_task, "afterany")]).unmet == 1


@pytest.mark.parametrize("state", SubAgentState.values)
def test_every_sub_agent_state_can_be_made(state: str) -> None:
    agent = make_agent(gpus=2)
    sub_agent = make_sub_agent(agent=agent, state=state, gpus=list(agent.gpus.all()))
    sub_agent.task.refresh_from_db()
    assert sub_agent.task.current_fence == (sub_agent.fence if sub_agent.is_live else None)
    assert (sub_agent.allocation.released_at is None) == sub_agent.is_live


def test_attempts_of_one_task_are_numbered() -> None:
    task = make_task()
    first = make_sub_agent(task, state="failed")
    second = make_sub_agent(task, state="assigned")
    assert (first.attempt_no, second.attempt_no) == (1, 2)
    assert second.fence > first.fence


def test_templates_and_users() -> None:
    user = make_user()
    assert make_user() == user
    template = make_template("train", user=user, priority=2, is_archived=True)
    assert template.is_archived
    assert template.current_version.priority == 2
