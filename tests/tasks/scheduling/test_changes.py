"""What the scheduling loop is told of."""

import uuid

import pytest
from django.db import transaction

from tasks.scheduling import changes, wakeup

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _nothing_yet() -> None:
    changes.take()
    wakeup.event.clear()


def test_a_change_is_told_with_the_commit_and_wakes_the_loop() -> None:
    host = uuid.uuid4()
    with transaction.atomic():
        changes.of_host(host)
        assert changes.take() == (set(), False)
        assert not wakeup.event.is_set()
    assert wakeup.event.is_set()
    assert changes.take() == ({host}, False)
    assert changes.take() == (set(), False)


def test_what_is_rolled_back_is_not_told() -> None:
    with transaction.atomic():
        changes.of_host(uuid.uuid4())
        changes.of_site()
        transaction.set_rollback(True)
    assert changes.take() == (set(), False)
    assert not wakeup.event.is_set()


def test_a_change_of_the_site_concerns_everything() -> None:
    before = changes.count()
    changes.of_site()
    assert changes.count() == before + 1
    assert changes.take() == (set(), True)
