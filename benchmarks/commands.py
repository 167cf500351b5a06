"""Runs one measuring program after the other and takes the rows that they print."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence

from benchmarks.machine import ROOT
from benchmarks.rows import Row


def rows_of(command: Sequence[str]) -> list[Row]:
    """What it printed until its end, whatever that was; shown as it comes. One that fails takes no other along."""
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
