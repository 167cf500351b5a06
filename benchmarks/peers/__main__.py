"""Nightshift and what a user could pick instead, side by side in one run on the same workloads: `make bench-peers`.

Prints the tables; the rows go to --json. Needs root for Slurm, for Debian's packages, and for network namespaces.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

from benchmarks import machine, rows
from benchmarks.commands import rows_of
from benchmarks.peers.install import install, python_of
from benchmarks.peers.known import PEERS, QUICK, Known
from benchmarks.rows import Row
from benchmarks.tables import tables

LONGEST_SECONDS = 1800
LOOPBACK = ["unshare", "-n", "bash", "-c", 'ip link set lo up; exec "$@"', "_"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", default=" ".join(PEERS), help="names, with spaces between")
    parser.add_argument("--workloads", default="", help="names, with spaces between; all that a peer can do")
    parser.add_argument("--quick", action="store_true", help="one run each, without W3, W5 and W7")
    parser.add_argument("--json", type=Path, help="where the rows go, as a list")
    parser.add_argument("--environment", type=Path, default=Path("data/peers"), help="the peers' libraries")
    arguments = parser.parse_args()
    names = list(dict.fromkeys(["nightshift", *arguments.peers.split()]))
    if unknown := [name for name in names if name not in PEERS]:
        raise SystemExit(f"No such peer: {', '.join(unknown)}. There are {', '.join(PEERS)}.")
    python = python_of(arguments.environment)
    names = [name for name in names if install(name, arguments.environment)]
    only = arguments.workloads.split() or (QUICK if arguments.quick else None)
    found = [machine.row(f"beside {' '.join(names[1:]) or 'nobody'}")]
    for name in names:
        found += measured(name, python, only, 1 if arguments.quick else 3)
        if arguments.json:
            rows.write(arguments.json, found)  # after each: who interrupts a long run keeps what there is
    print("\n" + tables(found))  # noqa: T201 - a benchmark prints


def measured(name: str, python: Path, only: Any, runs: int) -> list[Row]:
    """A process of its own for each variant: one that cannot run takes no other along, and says so."""
    found = []
    for variant, known in enumerate(PEERS[name]):
        workloads = [workload for workload in known.workloads if only is None or workload in only]
        if workloads:
            found += rows_of([*_command(name, variant, known, python), *workloads, "--runs", str(runs)])
    return found


def _command(name: str, variant: int, known: Known, python: Path) -> list[str]:
    interpreter = sys.executable if known.is_ours else str(python.absolute())
    inside = LOOPBACK if known.needs_loopback else []
    limited = ["timeout", "-k", "60", str(LONGEST_SECONDS)]
    return [*inside, *limited, interpreter, "-m", "benchmarks.peers.run", name, str(variant)]


if __name__ == "__main__":
    main()
