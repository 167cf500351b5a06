"""The tables say what was measured, and compare only what can be compared."""

from typing import Any

import pytest

from benchmarks import machine
from benchmarks.tables import tables

W1 = {"version": "1", "w": "W1", "lo": 1, "hi": 9, "cpu_ms_per_task": 4.0, "submit_ms": 1.0}


def cells(text: str, heading: str) -> dict[str, list[str]]:
    """Lines of the table that begins with this heading, by their first cell."""
    (table,) = (part for part in text.split("\n\n") if part.startswith(f"| {heading} |"))
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()]
    return {line[0]: line[1:] for line in lines}


def w1(peer: str, rate: float, **figures: Any) -> dict[str, Any]:
    return {"peer": peer, "n": 1000, "runs": 3, **W1, "rate": rate, **figures}


def test_ratios_are_of_the_same_work() -> None:
    text = tables([w1("Nightshift", 50.0), w1("other", 100.0), w1("slow", 4.0, n=40)])
    ratios = cells(text, "Nightshift's figure / that of")
    assert ratios["other"][0] == "0.50"
    assert ratios["slow"][0] == ""
    assert "Nightshift" not in ratios


def test_extremes_are_told_of_several_runs_only() -> None:
    peers = cells(tables([w1("Nightshift", 50.0), w1("other", 70.0, runs=1)]), "peer")
    assert peers["Nightshift 1"][0] == "50 (1-9)"
    assert peers["other 1"][0] == "70"


def test_a_later_row_stands_for_an_earlier_one_of_the_same() -> None:
    peers = cells(tables([w1("Nightshift", 50.0), w1("Nightshift", 60.0, runs=1)]), "peer")
    assert peers["Nightshift 1"][0] == "60"


def test_rows_of_one_workload_are_told_apart_by_their_size() -> None:
    def heard(hosts: int, milliseconds: float) -> dict[str, Any]:
        return {"peer": "Nightshift", "version": "1", "w": "heartbeats", "hosts": hosts, "beat_p99_ms": milliseconds}

    hosts = cells(tables([heard(50, 20.0), heard(100, 40.0), heard(50, 21.0)]), "heartbeats: hosts")
    assert hosts["50"][3] == "21"
    assert hosts["100"][3] == "40"


def test_each_run_says_where_and_when(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was found on a machine on which other things ran is told with it."""
    monkeypatch.setattr("os.getloadavg", lambda: (3.14, 0.0, 0.0))
    monkeypatch.setattr(machine, "_addition_seconds", lambda: 0.77)
    text = tables([machine.row("beside hq"), machine.row("page planner")])
    assert text.startswith("beside hq: measured on ")
    found = "3.1 other processes wanted a core when it began, and Python took 0.77 s for ten million additions."
    assert text.count(found) == 2


def test_nothing_is_shown_of_what_was_not_asked() -> None:
    text = tables([w1("Nightshift", 50.0)])
    assert "| W7 peer |" not in text
    assert "Nightshift's figure / that of" not in text
