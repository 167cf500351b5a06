"""Writes what was measured into docs/performance.md: `python -m benchmarks.report out-peers.json out.json`.

Rows of later files stand for those of earlier ones. They are kept in benchmarks/results.json, of which plots and the
page's generated section are made; without a file they are made again of what is kept. Measures nothing.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from benchmarks import rows
from benchmarks.found import Found
from benchmarks.rows import Row
from benchmarks.tables import tables
from tests.matrix.sections import replace_section

ROOT = Path(__file__).resolve().parent.parent
KEPT = ROOT / "benchmarks" / "results.json"
PAGE = ROOT / "docs" / "performance.md"
IMAGES = ROOT / "docs" / "images"
SECTION = "comparison"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "files", type=Path, nargs="*", help="that --json of make bench and make bench-peers has written"
    )
    arguments = parser.parse_args()
    if arguments.files:
        rows.write(KEPT, Found(row for file in arguments.files for row in rows.read(file)).rows)
    kept = rows.read(KEPT)
    from benchmarks.plots import plots

    for old in IMAGES.glob("performance-*.svg"):
        old.unlink()
    plots(Found(kept), IMAGES)
    PAGE.write_text(replace_section(PAGE.read_text(), SECTION, section(kept)))


def section(kept: Sequence[Row]) -> str:
    images = sorted(path.name for path in IMAGES.glob("performance-*.svg"))
    return "\n\n".join([tables(kept), *(f"![{name}](images/{name})" for name in images)])


if __name__ == "__main__":
    main()
