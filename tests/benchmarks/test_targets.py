"""A target is met by what was measured, in the same run where it is a ratio; else nothing is said."""

from typing import Any

import pytest

from benchmarks.found import Found
from benchmarks.targets import DASK, DEEP, HYPERQUEUE, SHALLOW, TARGETS, Target, least, most, of


def row(workload: str, peer: str = "Nightshift", **figures: Any) -> dict[str, Any]:
    return {"peer": peer, "version": "1", "w": workload, **figures}


def target(name: str) -> Target:
    (found,) = (one for one in TARGETS if one.name.startswith(name))
    return found


def verdicts(name: str, *rows: dict[str, Any]) -> tuple[str, str]:
    """Of the limit and of the stretch."""
    found, one = Found(rows), target(name)
    figure = one.figure(found)
    said = (one.limit.verdict(figure, found), one.stretch.verdict(figure, found))
    return said[0].split(" (")[0], said[1].split(" (")[0]


@pytest.mark.parametrize(
    ("rate", "verdict"), [(74.9, ("no", "no")), (75.0, ("yes", "no")), (99.9, ("yes", "no")), (100.0, ("yes", "yes"))]
)
def test_a_rate_is_to_be_a_part_of_a_peers(rate: float, verdict: tuple[str, str]) -> None:
    rows = [row("W1 batch", rate=rate), row("W1 batch", HYPERQUEUE, rate=100.0)]
    assert verdicts("W1 batch", *rows) == verdict


@pytest.mark.parametrize(
    ("p50", "verdict"), [(4.0, ("yes", "yes")), (4.1, ("yes", "no")), (10.0, ("yes", "no")), (10.1, ("no", "no"))]
)
def test_a_time_is_to_be_at_most(p50: float, verdict: tuple[str, str]) -> None:
    assert verdicts("W3", row("W3", p50_ms=p50)) == verdict


def test_nothing_is_said_without_the_peer_or_the_figure() -> None:
    assert verdicts("W1 batch", row("W1 batch", rate=50.0)) == ("", "")
    assert verdicts("W1 batch", row("W1 batch", HYPERQUEUE, rate=50.0)) == ("", "")
    assert verdicts("idle", row("idle", idle_mb=100.0)) == ("yes", "")


def test_each_bound_may_have_a_peer_of_its_own() -> None:
    rows = [row("W1", rate=80.0), row("W1", DASK, rate=100.0), row("W1", "Celery+Redis (prefork)", rate=90.0)]
    assert verdicts("W1, a request each", *rows) == ("yes", "no")


def test_the_deep_queue_is_held_against_our_own_shallow_one() -> None:
    rows = [
        row("W7", depth=SHALLOW, submit_ms=1.0, first_ms=9.0, drain_rate=100.0),
        row("W7", depth=DEEP, submit_ms=1.9, first_ms=49.0, drain_rate=79.0),
    ]
    assert verdicts("W7 100,000 wait: a submission", *rows) == ("yes", "no")
    assert verdicts("W7 100,000 wait: first start", *rows) == ("yes", "no")
    assert verdicts("W7 100,000 wait: tasks/s", *rows) == ("no", "no")
    assert verdicts("W7 100,000 wait: tasks/s", rows[0]) == ("", "")


def test_a_figure_that_is_null_was_not_measured() -> None:
    assert of("W7", "first_ms", depth=SHALLOW)(Found([row("W7", depth=SHALLOW, first_ms=None)])) is None


def test_bounds_say_what_they_ask() -> None:
    found = Found([row("W4", HYPERQUEUE, secs=4.0)])
    assert most(0.5, of("W4", "secs", HYPERQUEUE), "HyperQueue's").said(found) == "at most 0.5 x HyperQueue's = 2"
    assert least(400).said(found) == "at least 400"


def test_a_verdict_says_what_the_factor_is() -> None:
    found = Found([row("W4", HYPERQUEUE, secs=4.0)])
    bound = most(0.5, of("W4", "secs", HYPERQUEUE), "HyperQueue's")
    assert bound.verdict(1.0, found) == "yes (0.25 x)"
    assert bound.verdict(5.0, found) == "no (1.25 x)"
    assert least(400).verdict(800, found) == "yes"


def test_every_target_is_about_a_workload_that_is_measured() -> None:
    """A workload whose name is misspelt would never be seen: it is just not measured."""
    known = {"W1", "W1 batch", "W2", "W3", "W4", "W5", "W6", "W7", "idle", "hosts", "hosts as asked", "log path"}
    asked: set[str] = set()

    class Asked(Found):
        def one(self, workload: str, peer: str = "", **_where: Any) -> None:
            asked.add(workload)

    for one in TARGETS:
        one.figure(Asked([]))
        for bound in (one.limit, one.stretch):
            bound.value(Asked([]))
    assert asked == known
