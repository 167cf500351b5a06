"""Nightshift and what a user could pick instead, side by side in one run on the same workloads: `make bench-peers`.

Prints the tables; JSON lines go to --json. Needs root for Slurm, for Debian's packages, and for network namespaces.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.peers.install import install
from benchmarks.peers.known import PEERS, QUICK, Known
from benchmarks.peers.table import tables

ROOT = Path(__file__).resolve().parent.parent.parent
LONGEST_SECONDS = 1800
LOOPBACK = ["unshare", "-n", "bash", "-c", 'ip link set lo up; exec "$@"', "_"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", default=" ".join(PEERS), help="names, with spaces between")
    parser.add_argument("--workloads", default="", help="names, with spaces between; all that a peer can do")
    parser.add_argument("--quick", action="store_true", help="one run each, without W3, W5 and W7")
    parser.add_argument("--json", type=Path, help="where the rows go, a line each")
    parser.add_argument("--environment", type=Path, default=Path("data/peers"), help="the peers' libraries")
    arguments = parser.parse_args()
    names = list(dict.fromkeys(["nightshift", *arguments.peers.split()]))
    if unknown := [name for name in names if name not in PEERS]:
        raise SystemExit(f"No such peer: {', '.join(unknown)}. There are {', '.join(PEERS)}.")
    python = install(names, arguments.environment)
    only = arguments.workloads.split() or (QUICK if arguments.quick else None)
    rows = [row for name in names for row in measured(name, python, only, 1 if arguments.quick else 3)]
    if arguments.json:
        arguments.json.write_text("".join(json.dumps(row) + "\n" for row in rows))
    print("\n" + tables(rows))  # noqa: T201 - a benchmark prints


def measured(name: str, python: Path, only: Any, runs: int) -> list[dict[str, Any]]:
    """A process of its own for each variant: one that cannot run takes no other along, and says so."""
    rows = []
    for variant, known in enumerate(PEERS[name]):
        workloads = [workload for workload in known.workloads if only is None or workload in only]
        if workloads:
            rows += _rows([*_command(name, variant, known, python), *workloads, "--runs", str(runs)])
    return rows


def _command(name: str, variant: int, known: Known, python: Path) -> list[str]:
    interpreter = sys.executable if known.is_ours else str(python.absolute())
    inside = LOOPBACK if known.needs_loopback else []
    limited = ["timeout", "-k", "60", str(LONGEST_SECONDS)]
    return [*inside, *limited, interpreter, "-m", "benchmarks.peers.run", name, str(variant)]


def _rows(command: list[str]) -> list[dict[str, Any]]:
    """What it printed until its end, whatever that was; shown as it comes."""
    rows = []
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}  # workers of peers import what they are to call
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment) as process:
        assert process.stdout is not None  # noqa: S101 - for the type checker
        for line in process.stdout:
            print(line, end="", flush=True)  # noqa: T201 - a benchmark prints
            if line.startswith("{"):
                rows.append(json.loads(line))
    if process.returncode:
        print(f"{' '.join(command[-8:])} ended with {process.returncode}", file=sys.stderr)  # noqa: T201
    return rows


if __name__ == "__main__":
    main()
