"""A monotonic clock in the test's hand, and memory that forgets between tests."""

from types import SimpleNamespace

import pytest

from agents import breaker, heartbeats, inventory_requests, liveness, readings


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """What the process knows of hosts is empty, no amnesty is on, time stands still unless the test moves it."""
    found = Clock()
    for module in (breaker, liveness, inventory_requests):
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=found))
    monkeypatch.setattr(breaker, "_lapses", {})
    monkeypatch.setattr(breaker, "_open_since", None)
    monkeypatch.setattr(breaker, "_heard_at", None)
    monkeypatch.setattr(liveness, "_amnesty_until", 0.0)
    monkeypatch.setattr(liveness, "_heard", {})
    monkeypatch.setattr(liveness, "_stamps", {})
    monkeypatch.setattr(heartbeats, "_latest", {})
    monkeypatch.setattr(readings, "_fresh", {})
    monkeypatch.setattr(readings, "_latest", {})
    monkeypatch.setattr(readings, "_written", {})
    monkeypatch.setattr(inventory_requests, "_asked_at", {})
    return found
