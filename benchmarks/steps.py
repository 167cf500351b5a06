"""Where does the time of one step of a chain go? Prints a row of JSON: medians in ms, from what the server has noted.

`python -m benchmarks.steps --count 60` lets a server with its local main agent, as `make run` starts them, run a chain
of so many scripts that write down when they began, in one request; the first ten warm up. Needs no running server. What
a client sees besides is in peers/workloads/start.py and end.py.
"""

import argparse
import itertools
import sqlite3
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.our_server import OurServer
from benchmarks.rows import tell

WARM_UP = 10
COLUMNS = "created_time, claimed_at, ended_at"


@dataclass(frozen=True)
class Step:
    """Moments, in seconds: placed and claimed on the server, begun in the script, ended on the server."""

    placed: float
    claimed: float
    begun: float
    ended: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=60)
    count = parser.parse_args().count
    ours = OurServer()
    try:
        ours.up(slots=2)
        steps = chain(ours, count)[WARM_UP:]
    finally:
        ours.stop()
    tell("steps", count=len(steps), **summed_up(steps))


def chain(ours: OurServer, count: int) -> list[Step]:
    """Run it to its end."""
    begun = ours.path / "begun"
    begun.mkdir()
    tasks = [
        {
            "name": "step",
            "script_content": f"echo $EPOCHREALTIME > {begun}/{number}\n",
            "cpu_cores": 1,
            "depends_on": [{"index": number - 1}] if number else [],
        }
        for number in range(count)
    ]
    ids: list[int] = ours.post("/api/tasks/batch/", {"tasks": tasks})["ids"]
    ours.get("/api/tasks/wait/", id=str(ids[-1]), until="all")
    return [_step(row, begun / str(number)) for number, row in enumerate(_noted(ours.data_dir))]


def summed_up(steps: Sequence[Step]) -> dict[str, float]:
    parts = {
        "end_to_claim_ms": [after.claimed - before.ended for before, after in itertools.pairwise(steps)],
        "placed_to_claimed_ms": [step.claimed - step.placed for step in steps],
        "claim_to_command_ms": [step.begun - step.claimed for step in steps],
        "command_to_end_ms": [step.ended - step.begun for step in steps],
        "step_ms": [after.begun - before.begun for before, after in itertools.pairwise(steps)],
    }
    return {name: round(1000 * statistics.median(values), 1) for name, values in parts.items()}


def _noted(data_dir: Path) -> list[tuple[str, str, str]]:
    (file,) = (path for path in (data_dir / "database").iterdir() if path.suffix == ".sqlite3")
    with sqlite3.connect(file) as database:
        return database.execute(f"SELECT {COLUMNS} FROM tasks_subagent ORDER BY task_id").fetchall()  # noqa: S608


def _step(row: tuple[str, str, str], begun: Path) -> Step:
    placed, claimed, ended = (datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() for text in row)
    return Step(placed, claimed, float(begun.read_text()), ended)


if __name__ == "__main__":
    main()
