"""The page shows what is kept, and plots are the same of the same rows."""

from pathlib import Path
from typing import Any

from benchmarks import rows
from benchmarks.found import Found
from benchmarks.plots import PLOTS, plots
from benchmarks.report import IMAGES, KEPT, PAGE, SECTION, section
from tests.matrix.sections import section_of


def test_the_page_shows_what_is_kept() -> None:
    assert section_of(PAGE.read_text(), SECTION) == section(rows.read(KEPT)), "make bench-report"


def test_the_page_shows_the_plots_that_there_are() -> None:
    assert {path.name for path in IMAGES.glob("performance-*.svg")} == set(plotted(rows.read(KEPT)))


def plotted(kept: list[dict[str, Any]]) -> list[str]:
    found = Found(kept)
    return [f"performance-{name}.svg" for name, (asked, _) in PLOTS.items() if any(map(found.all, asked))]


def test_the_same_rows_give_the_same_plots(tmp_path: Path) -> None:
    common = {"version": "1", "w": "W1", "n": 1000, "runs": 3, "lo": 40.0, "hi": 60.0}
    found = Found([{"peer": name, "rate": 50.0, **common} for name in ("Nightshift", "other")])
    first, second = plots(found, tmp_path / "a"), plots(found, tmp_path / "b")
    assert [path.name for path in first] == ["performance-throughput.svg"]
    assert first[0].read_bytes() == second[0].read_bytes()
