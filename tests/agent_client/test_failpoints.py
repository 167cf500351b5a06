"""Failpoints of the agents: nothing without an order, and each order at its place and passage only."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from agent_client import failpoints


@pytest.fixture(autouse=True)
def two_places(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failpoints, "NAMES", frozenset({"first.place", "second.place"}))
    failpoints.parse.cache_clear()


def test_without_orders_nothing_happens() -> None:
    failpoints.fail_at("first.place")


def test_only_at_the_named_passage(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(failpoints.SWITCH, "first.place=raise@2")
    monkeypatch.setenv(failpoints.LOG_SWITCH, str(tmp_path / "passages"))
    failpoints.fail_at("first.place")
    failpoints.fail_at("second.place")
    with pytest.raises(failpoints.Failpoint, match=r"first\.place"):
        failpoints.fail_at("first.place")
    failpoints.fail_at("first.place")
    assert (tmp_path / "passages").read_text().split()[::2] == ["first.place"] * 3


def test_kill_is_a_real_kill() -> None:
    code = (
        "import os; from agent_client import failpoints; failpoints.NAMES = frozenset({'here'}); "
        "os.environ['NIGHTSHIFT_FAILPOINTS'] = 'here=kill'; failpoints.fail_at('here')"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -signal.SIGKILL


@pytest.mark.parametrize("text", ["no.place=kill", "first.place", "first.place=burn", "first.place=sleep:x", "=kill"])
def test_a_wrong_order_is_named(text: str) -> None:
    with pytest.raises(failpoints.FailpointError, match=r"places: first\.place, second\.place"):
        failpoints.parse(text)
