"""Failpoints of the server: nothing without an order, and each order at its place and passage only."""

from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from scheduler_site.shared import failpoints


@pytest.fixture(autouse=True)
def two_places(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failpoints, "NAMES", frozenset({"first.place", "second.place"}))
    monkeypatch.setattr(failpoints, "_orders", None)


def test_without_orders_nothing_happens() -> None:
    failpoints.fail_at("first.place")


def test_the_settings_order(settings: Any) -> None:
    settings.FAILPOINTS = "first.place=raise"
    failpoints.fail_at("second.place")
    with pytest.raises(failpoints.Failpoint, match=r"first\.place"):
        failpoints.fail_at("first.place")


def test_only_at_the_named_passage() -> None:
    failpoints.configure("first.place=raise@2; second.place=sleep:0")
    failpoints.fail_at("first.place")
    with pytest.raises(failpoints.Failpoint):
        failpoints.fail_at("first.place")
    failpoints.fail_at("first.place")


def test_passages_are_noted(tmp_path: Path, settings: Any) -> None:
    settings.FAILPOINTS_LOG = str(tmp_path / "passages")
    failpoints.configure("first.place=sleep:0")
    failpoints.fail_at("first.place")
    failpoints.fail_at("second.place")
    assert (tmp_path / "passages").read_text().split()[0] == "first.place"


@pytest.mark.parametrize("text", ["no.place=kill", "first.place", "first.place=burn", "first.place=sleep:x", "=kill"])
def test_a_wrong_order_is_named(text: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"Places: first\.place, second\.place"):
        failpoints.configure(text)
