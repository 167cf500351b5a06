import subprocess
import sys
from datetime import timedelta

import psutil
import pytest
from django.utils import timezone

from scheduler_site.loops.lease import LEASE_SECONDS, Lease, is_dead, is_held_elsewhere, own_name
from scheduler_site.models import LoopLease

pytestmark = pytest.mark.django_db
ELSEWHERE = "another-host/boot/1/1.00"


def test_the_first_holds_and_the_second_does_not() -> None:
    first, second = Lease("reaper", own_name()), Lease("reaper", ELSEWHERE)
    assert first.held()
    assert not second.held()
    assert first.held()


def test_leases_of_two_loops_are_independent() -> None:
    assert Lease("reaper", own_name()).held()
    assert Lease("scheduling", ELSEWHERE).held()


def test_a_lease_given_back_is_free_at_once() -> None:
    first, second = Lease("reaper", ELSEWHERE), Lease("reaper", own_name())
    assert first.held()
    first.release()
    assert second.held()
    assert not first.held()


def test_a_silent_holder_elsewhere_is_succeeded_after_the_lease() -> None:
    assert Lease("reaper", ELSEWHERE).held()
    assert not Lease("reaper", own_name()).held()
    LoopLease.objects.update(renewed_at=timezone.now() - timedelta(seconds=LEASE_SECONDS + 1))
    assert Lease("reaper", own_name()).held()


def test_a_dead_holder_on_this_host_is_succeeded_at_once() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    started = psutil.Process(child.pid).create_time()
    host, boot, _, _ = own_name().split("/")
    name = f"{host}/{boot}/{child.pid}/{started:.2f}"
    assert not is_dead(name)
    assert Lease("reaper", name).held()
    assert not Lease("reaper", own_name()).held()
    child.communicate()
    assert is_dead(name)
    assert Lease("reaper", own_name()).held()


def test_a_pid_that_now_belongs_to_somebody_else_is_a_dead_holder() -> None:
    host, boot, pid, _ = own_name().split("/")
    assert is_dead(f"{host}/{boot}/{pid}/1.00")
    assert not is_dead(ELSEWHERE)
    assert not is_dead("nonsense")


def test_a_start_can_see_whether_others_serve() -> None:
    host, boot, pid, _ = own_name().split("/")
    assert not is_held_elsewhere("reaper")
    assert Lease("reaper", ELSEWHERE).held()
    assert is_held_elsewhere("reaper")
    LoopLease.objects.update(renewed_at=timezone.now() - timedelta(seconds=LEASE_SECONDS + 1))
    assert not is_held_elsewhere("reaper")
    assert Lease("reaper", f"{host}/{boot}/{pid}/1.00").held()  # which was killed a moment ago
    assert not is_held_elsewhere("reaper")


def test_holding_on_asks_the_database_only_now_and_then(django_assert_num_queries: object) -> None:
    lease = Lease("reaper", own_name())
    assert lease.held()
    with django_assert_num_queries(0):  # type: ignore[operator]
        assert lease.held()
