"""What a server remembers of its hosts for half a second."""

from collections.abc import Iterator

import pytest

from tasks.scheduling import changes
from tasks.scheduling.explaining import capacity, recent
from tasks.scheduling.run import run_pass
from tasks.scheduling.values import Shape
from tests.factories import make_agent, make_task

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def kept() -> Iterator[None]:
    recent.keep(True)
    yield
    recent.keep(False)


def names() -> list[str]:
    return [host.name for host in recent.now().hosts]


def test_outside_of_a_server_every_question_reads_the_rows() -> None:
    make_agent("a")
    assert names() == ["a"]
    make_agent("b")
    assert names() == ["a", "b"]
    assert recent.remembered() is None


def test_in_a_server_it_is_read_again_when_a_change_is_told(kept: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recent, "FRESH_ALONE_SECONDS", 1000.0)
    make_agent("a")
    assert names() == ["a"]
    make_agent("b")
    assert names() == ["a"]
    changes.of_site()
    assert names() == ["a", "b"]


@pytest.mark.parametrize(("name", "is_alone"), [("FRESH_ALONE_SECONDS", True), ("FRESH_SECONDS", False)])
def test_it_grows_old(kept: None, monkeypatch: pytest.MonkeyPatch, name: str, is_alone: bool) -> None:
    monkeypatch.setattr(recent.nudges, "are_alone", lambda: is_alone)
    monkeypatch.setattr(recent, name, 0.0)
    monkeypatch.setattr(recent, "SHARE", 0.0)
    make_agent("a")
    assert names() == ["a"]
    make_agent("b")
    assert names() == ["a", "b"]


def test_that_something_cannot_run_is_never_told_from_memory(kept: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recent, "FRESH_ALONE_SECONDS", 1000.0)
    make_agent("small", cpu_cores=2)
    assert names() == ["small"]
    make_agent("large", cpu_cores=64)
    assert capacity.blame(Shape(cpu_centicores=3200)) == {}
    assert capacity.blame(Shape(cpu_centicores=12800)) != {}


def test_it_is_made_ready_before_anybody_asks(kept: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recent, "SOON_SECONDS", 1000.0)
    monkeypatch.setattr(recent, "SHARE", 0.0)
    monkeypatch.setattr(recent, "QUICK_SECONDS", 1000.0)
    recent.now()
    make_agent("a")
    changes.of_site()
    recent.keep_ready()
    monkeypatch.setattr(recent.scene, "load", None)
    assert names() == ["a"]


def test_what_takes_long_is_not_made_ready(kept: None, monkeypatch: pytest.MonkeyPatch) -> None:
    recent.now()
    monkeypatch.setattr(recent, "QUICK_SECONDS", 0.0)
    changes.of_site()
    monkeypatch.setattr(recent.scene, "load", None)
    recent.keep_ready()


@pytest.fixture
def about_to_be_placed(kept: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """3 of 4 cores; and only a change makes what is remembered old."""
    monkeypatch.setattr(recent, "FRESH_ALONE_SECONDS", 1000.0)
    monkeypatch.setattr(recent, "SOON_SECONDS", 0.0)
    monkeypatch.setattr(recent, "SHARE", 0.0)
    make_agent("a", cpu_cores=4)
    make_task(cpu_cores=3)


def test_what_is_placed_is_seen_soon(about_to_be_placed: None) -> None:
    assert [host.free_centicores for host in recent.now().hosts] == [400]
    run_pass()
    assert [host.free_centicores for host in recent.now().hosts] == [100]


def test_in_a_burst_what_is_placed_may_be_seen_later(about_to_be_placed: None) -> None:
    first = recent.of_late()
    run_pass()
    assert recent.of_late() is first
    changes.of_site()
    assert [host.free_centicores for host in recent.of_late().hosts] == [100]
