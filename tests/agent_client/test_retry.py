"""Which failures are tried again, and after how long."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_client.http import NetworkFailure, ProtocolError, Unauthorized
from agent_client.retry import FINAL, RETRY, WAIT_30, Backoff, Verdict, classify


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (NetworkFailure("time-out"), RETRY),
        (NetworkFailure("a proxy's page", 502), RETRY),
        (NetworkFailure("a proxy's login", 401), WAIT_30),
        (NetworkFailure("a page that is not there", 404), WAIT_30),
        (Unauthorized(401, "unauthorized", "", {}), WAIT_30),
        (Unauthorized(403, "", "", {}), WAIT_30),
        (ProtocolError(404, "", "", {}), WAIT_30),
        (ProtocolError(404, "unknown_sub_agent", "", {}), FINAL),
        (ProtocolError(503, "busy", "", {}), RETRY),
        (ProtocolError(429, "slow_down", "", {}), RETRY),
        (ProtocolError(409, "stale_epoch", "", {}), FINAL),
        (ProtocolError(410, "sub_agent_closed", "", {}), FINAL),
        (ProtocolError(426, "version_too_old", "", {}), FINAL),
    ],
)
def test_classify(error: NetworkFailure | ProtocolError, verdict: Verdict) -> None:
    assert classify(error) is verdict


def test_ceilings_double_up_to_the_cap() -> None:
    backoff = Backoff(uniform=lambda low, high: high)
    assert [backoff.next_seconds() for _ in range(8)] == [0.5, 1, 2, 4, 8, 16, 30, 30]
    backoff.reset()
    assert backoff.next_seconds() == 0.5


@given(st.integers(0, 5000))
def test_jitter_is_full_and_bounded_for_ever(failures: int) -> None:
    backoff = Backoff()
    for _ in range(failures % 60):
        backoff.next_seconds()
    assert 0 <= backoff.next_seconds() <= 30


def test_retry_after_is_obeyed_within_reason() -> None:
    backoff = Backoff(uniform=lambda low, high: 0.0)
    assert backoff.next_seconds(7.0) == 7.0
    assert backoff.next_seconds(1e9) == 600.0


def test_a_refused_credential_waits_30_seconds() -> None:
    backoff = Backoff(uniform=lambda low, high: 0.0)
    assert backoff.after(Unauthorized(401, "unauthorized", "", {})) == 30.0
    assert backoff.after(NetworkFailure("time-out")) == 0.0
