"""The retention loop: a batch in each turn, a sweep from time to time, and one that failed begins again."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone

from agents.models import EnrolmentToken
from scheduler_site import retention
from scheduler_site.access.owner import owner
from scheduler_site.models import AdministrativeEvent, SignInLink
from scheduler_site.retention import REST_SECONDS, retention_turn
from scheduler_site.shared import failpoints
from scheduler_site.shared.failpoints import Failpoint
from tasks.models import OutputLog
from tasks.output import prune
from tasks.retention.policy import Policy, current
from tasks.states import LogState
from tests.tasks.retention.rows import ended, state_of

pytestmark = pytest.mark.django_db
NOW = timezone.now()
KEEPS_ALL = Policy(0, 0, 0, 0)


@pytest.fixture(autouse=True)
def _begun(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    settings.TASK_LOG_DIR = tmp_path
    monkeypatch.setattr(retention, "_sweep", None)
    monkeypatch.setattr(retention, "_has_begun", True)
    yield
    failpoints.configure("")


def through(policy: Policy) -> None:
    for _ in retention.everything(policy):
        pass


def test_one_batch_a_turn_and_then_a_long_rest(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prune, "BATCH", 2)
    settings.KEEP_OUTPUT_DAYS, settings.RETENTION_EVERY_SECONDS = 5, 600.0
    for _ in range(3):
        ended(10)
    pruned = OutputLog.objects.filter(state=LogState.PRUNED)
    assert (retention_turn(), pruned.count()) == (REST_SECONDS, 2)
    assert (retention_turn(), pruned.count()) == (REST_SECONDS, 3)
    assert retention_turn() == 600.0
    ended(10)
    retention_turn()
    assert pruned.count() == 4


def test_not_right_after_a_start(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "_has_begun", False)
    settings.KEEP_OUTPUT_DAYS = 5
    old = ended(10)
    assert retention_turn() == retention.FIRST_AFTER_SECONDS
    assert state_of(old) == LogState.COMPLETE
    retention_turn()
    assert state_of(old) == LogState.PRUNED


def test_a_sweep_that_failed_begins_again(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prune, "BATCH", 1)
    settings.KEEP_OUTPUT_DAYS = 5
    old = [ended(10) for _ in range(2)]
    failpoints.configure("retention.turn=raise@2; prune.before_files=raise@2")
    retention_turn()
    for _ in range(2):
        with pytest.raises(Failpoint):
            retention_turn()
    assert [state_of(row) for row in old] == [LogState.PRUNED] * 2
    more = ended(10)
    while retention_turn() == REST_SECONDS:
        pass
    assert state_of(more) == LogState.PRUNED


def test_the_defaults_remove_old_output_and_no_task(settings: Any) -> None:
    policy = current()
    assert (policy.output_days, policy.output_gib, policy.task_days, policy.key_days) == (90, 0, 0, 30)


def test_secrets_that_open_nothing_go(settings: Any) -> None:
    tokens = {
        "expired": {"expires_at": days_ago(31)},
        "spent": {"uses_left": 0, "created_at": days_ago(31)},
        "expired lately": {"expires_at": days_ago(29)},
        "spent, made lately": {"uses_left": 0, "created_at": days_ago(29)},
        "for ever": {"created_at": days_ago(1000)},
    }
    for label, fields in tokens.items():
        EnrolmentToken.objects.create(label=label, token_hash=label, **fields)
    SignInLink.objects.create(user=owner(), token_hash="old", expires_at=days_ago(40))
    SignInLink.objects.create(user=owner(), token_hash="young", expires_at=days_ago(2))
    through(KEEPS_ALL)
    assert EnrolmentToken.objects.count() == 5
    through(Policy(0, 0, 0, 30))
    left = set(EnrolmentToken.objects.values_list("label", flat=True))
    assert left == {"expired lately", "spent, made lately", "for ever"}
    assert list(SignInLink.objects.values_list("token_hash", flat=True)) == ["young"]
    told = AdministrativeEvent.objects.filter(verb="enrolment_token_deleted").values_list("subject", flat=True)
    assert set(told) == {"enrolment token expired", "enrolment token spent"}


def test_sessions_that_are_over_go() -> None:
    for key, days in (("over", 1), ("open", -1)):
        Session.objects.create(session_key=key, session_data="", expire_date=days_ago(days))
    through(KEEPS_ALL)
    assert list(Session.objects.values_list("pk", flat=True)) == ["open"]


def days_ago(days: float) -> Any:
    return NOW - timedelta(days=days)
