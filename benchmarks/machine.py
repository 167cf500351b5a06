"""On what was measured: a row with the machine, the date, the commit and what Nightshift ran on. Measures nothing."""

import os
import platform
import sqlite3
import subprocess
import time
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from agent_client.version import VERSION
from benchmarks.rows import OURS, Row

ROOT = Path(__file__).resolve().parent.parent


def row(asked: str) -> Row:
    """`asked`: of what. `load`: how many processes wanted a core in the minute before; near 0 when nothing else ran.
    `addition_secs`: how fast a core was at that moment; on shared machines it is not always the same."""
    facts: Row = {"asked": asked, "date": datetime.now(UTC).date().isoformat(), "commit": _commit(), "cpu": _cpu()}
    facts |= {"memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30)}
    facts |= {"system": platform.freedesktop_os_release()["PRETTY_NAME"], "python": platform.python_version()}
    facts |= {"sqlite": sqlite3.sqlite_version, "daphne": metadata.version("daphne")}
    facts |= {"cores": len(os.sched_getaffinity(0)), "load": round(os.getloadavg()[0], 1)}
    facts |= {"addition_secs": round(min(_addition_seconds() for _ in range(3)), 2)}
    return {"peer": OURS, "version": VERSION, "w": "machine", **facts}


def _addition_seconds() -> float:
    """Of ten million additions in Python; 0.77 where the targets were set."""
    began, total = time.perf_counter(), 0
    for number in range(10_000_000):
        total += number
    return time.perf_counter() - began


def _commit() -> str:
    """With a + when files differ from it."""
    command = ["git", "describe", "--always", "--dirty=+"]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return said.stdout.strip() or "unknown"


def _cpu() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
