"""All questions to Nightshift alone, one after the other, and whether the targets are met: `make bench`.

`python -m benchmarks --only "throughput heartbeats" --quick --json out.json`. Targets that are ratios of a peer's
figure need `make bench-peers`, or its rows: `--beside out-peers.json`.
"""

import argparse
import sys
from pathlib import Path

from benchmarks import machine, rows
from benchmarks.commands import rows_of
from benchmarks.peers.known import PEERS
from benchmarks.questions import PROGRAMS, QUESTIONS, WORKLOADS
from benchmarks.rows import OURS, Row
from benchmarks.tables import tables


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default=" ".join(QUESTIONS), help="names, with spaces between")
    parser.add_argument("--quick", action="store_true", help="one run each, with fewer figures")
    parser.add_argument("--json", type=Path, help="where the rows go, as a list")
    parser.add_argument("--beside", type=Path, help="rows of peers, measured in another run on this machine")
    arguments = parser.parse_args()
    names = arguments.only.split()
    if unknown := [name for name in names if name not in QUESTIONS]:
        raise SystemExit(f"No such question: {', '.join(unknown)}. There are {', '.join(QUESTIONS)}.")
    beside = rows.read(arguments.beside) if arguments.beside else []
    found = [
        *(row for row in beside if row["peer"] != OURS),
        machine.row(" ".join(names)),
        *_answers(names, arguments.quick),
    ]
    if arguments.json:
        rows.write(arguments.json, found)
    print("\n" + tables(found))  # noqa: T201 - a benchmark prints


def _answers(names: list[str], is_quick: bool) -> list[Row]:
    known = PEERS["nightshift"][0].workloads
    wanted = [one for name in names for one in WORKLOADS.get(name, ()) if one in known]
    runs = ["--runs", "1" if is_quick else "3"]
    ours = [sys.executable, "-m", "benchmarks.peers.run", "nightshift", "0", *wanted, *runs]
    found = rows_of(ours) if wanted else []
    for name in names:
        if name in PROGRAMS:
            found += rows_of(PROGRAMS[name].command(is_quick))
    return found


if __name__ == "__main__":
    main()
