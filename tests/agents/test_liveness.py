"""When hosts were heard, by the monotonic clock; amnesty after a restart, excuse after the server's own stall."""

import uuid

from django.conf import settings

from agents import liveness
from tests.agents.conftest import Clock

HOST = uuid.uuid4()


def test_silence_is_counted_from_the_last_sign_of_life(clock: Clock) -> None:
    assert liveness.silent_seconds(HOST) is None
    liveness.heard(HOST)
    clock.now += 7
    assert liveness.silent_seconds(HOST) == 7
    liveness.heard(HOST)
    assert liveness.silent_seconds(HOST) == 0


def test_the_amnesty_forgets_and_ends(clock: Clock) -> None:
    liveness.heard(HOST)
    liveness.grant_amnesty()
    assert liveness.in_amnesty()
    assert liveness.silent_seconds(HOST) is None
    clock.now += settings.AMNESTY_SECONDS
    assert not liveness.in_amnesty()


def test_the_servers_own_stall_is_not_silence(clock: Clock) -> None:
    liveness.heard(HOST)
    clock.now += 40
    liveness.excuse(38)
    assert liveness.silent_seconds(HOST) == 2


def test_nobody_was_heard_later_than_now(clock: Clock) -> None:
    """Heard while another thread of the server stood still: no credit for the future."""
    clock.now += 100
    liveness.heard(HOST)
    liveness.excuse(100)
    clock.now += 10
    assert liveness.silent_seconds(HOST) == 10


def test_after_a_stall_everybody_has_as_long_again_up_to_a_minute(clock: Clock) -> None:
    liveness.excuse(10)
    assert liveness.in_amnesty()
    clock.now += 10
    assert not liveness.in_amnesty()
    liveness.excuse(3600)
    clock.now += settings.AMNESTY_SECONDS
    assert not liveness.in_amnesty()


def test_a_short_stall_does_not_shorten_the_amnesty(clock: Clock) -> None:
    liveness.grant_amnesty()
    liveness.excuse(5)
    clock.now += 59
    assert liveness.in_amnesty()
