"""Which failures are repeated, and which hosts come last then."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.outcome import Outcome, lost, state_of
from tasks.retry_policy import AVOID_FOR, CLASS_OF, Attempt, RetryPolicy, hosts_to_avoid, policy_of
from tasks.states import EndReason, FailureClass, SubAgentState

NOW = datetime(2026, 11, 26, tzinfo=UTC)
reasons = st.sampled_from([reason for reason in EndReason if reason != EndReason.DEPENDENCY])
outcomes = st.builds(
    lambda reason, code, may: Outcome(state_of(reason, code), reason, exit_code=code, may_run_again=may),
    reasons,
    st.one_of(st.none(), st.integers(1, 255)),
    st.booleans(),
)
policies = st.builds(
    RetryPolicy,
    st.integers(0, 5),
    st.frozensets(st.sampled_from(list(FailureClass)), min_size=1),
    st.frozensets(st.integers(1, 255), max_size=4),
)


def policy(retries: int = 1, retry_on: tuple[str, ...] = (), codes: tuple[int, ...] = ()) -> RetryPolicy:
    return policy_of(SimpleNamespace(retries=retries, retry_on=list(retry_on), retry_exit_codes=list(codes)))


def failed(reason: EndReason, exit_code: int | None = None) -> Outcome:
    return Outcome(state_of(reason, exit_code), reason, exit_code=exit_code)


@given(policies, outcomes, st.integers(0, 6))
def test_nobody_gets_more_than_was_asked_for(asked: RetryPolicy, outcome: Outcome, used: int) -> None:
    if asked.may_retry(outcome, used):
        assert used < asked.retries
        assert outcome.may_run_again
        assert CLASS_OF[outcome.reason] in asked.classes or FailureClass.HOST in asked.classes
        assert outcome.reason not in (EndReason.CANCEL, EndReason.UNKILLABLE)


@given(policies, outcomes, st.integers(0, 6), st.sampled_from(list(FailureClass)))
def test_naming_one_more_class_never_takes_a_retry_away(
    asked: RetryPolicy, outcome: Outcome, used: int, more: FailureClass
) -> None:
    if asked.may_retry(outcome, used):
        assert RetryPolicy(asked.retries, asked.classes | {more}, asked.exit_codes).may_retry(outcome, used)


@given(outcomes)
def test_without_retries_nothing_is_repeated(outcome: Outcome) -> None:
    assert not policy(0, tuple(FailureClass.values)).may_retry(outcome, 0)


@pytest.mark.parametrize("reason", [reason for reason in CLASS_OF if reason != EndReason.HOST_LOST])
def test_a_bare_number_means_every_failure_that_is_over(reason: EndReason) -> None:
    assert policy().may_retry(failed(reason, 1), 0)


@pytest.mark.parametrize("reason", list(CLASS_OF))
def test_naming_a_class_leaves_out_the_others(reason: EndReason) -> None:
    kind = CLASS_OF[reason]
    others = tuple(word for word in FailureClass.values if word not in (kind, FailureClass.HOST))
    assert policy(1, (kind,)).covers(failed(reason, 1))
    assert not policy(1, others).covers(failed(reason, 1))


def test_a_lost_host_is_repeated_only_when_nothing_can_run_there_any_more() -> None:
    everything = policy(1, tuple(FailureClass.values))
    assert not everything.covers(lost(EndReason.HOST_LOST, "", is_proven=False))
    assert everything.covers(lost(EndReason.HOST_LOST, "", is_proven=True))
    assert policy(1, ("host",)).covers(lost(EndReason.HOST_LOST, "", is_proven=True))
    assert policy(1, ("host_lost",)).replaces_lost_hosts
    assert not policy(1).replaces_lost_hosts


def test_exit_codes_narrow_scripts_and_nothing_else() -> None:
    narrow = policy(1, (), (75,))
    assert narrow.covers(failed(EndReason.EXIT, 75))
    assert not narrow.covers(failed(EndReason.EXIT, 1))
    assert narrow.covers(failed(EndReason.OOM, 1))
    assert narrow.covers(failed(EndReason.TIMEOUT))


def test_hosts_where_it_failed_or_was_void_come_last_the_latest_first() -> None:
    def ago(minutes: float) -> datetime:
        return NOW - timedelta(minutes=minutes)

    attempts = [
        Attempt("old", SubAgentState.FAILED, NOW - AVOID_FOR),
        Attempt("failed", SubAgentState.FAILED, ago(30)),
        Attempt("void", SubAgentState.REJECTED, ago(3)),
        Attempt("failed", SubAgentState.TIMED_OUT, ago(20)),
        Attempt("stopped for another rank", SubAgentState.REVOKED, ago(2), is_innocent=True),
        Attempt("canceled", SubAgentState.CANCELED, ago(2)),
        Attempt("good", SubAgentState.SUCCEEDED, ago(2)),
        Attempt("runs", SubAgentState.RUNNING, None),
    ]
    assert hosts_to_avoid(attempts, NOW) == ["void", "failed"]
