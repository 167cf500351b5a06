"""Many runs side by side, one process each core. What an interrupted call had finished is not run again."""

import json
import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from benchmarks.placement import policies
from benchmarks.placement.replay import Result, capacity_milli, replay
from benchmarks.placement.sequence import draw
from benchmarks.placement.trace import read_nodes, read_tasks


@dataclass(frozen=True, slots=True)
class Run:
    nodes: Path
    tasks: Path
    policy: str
    seed: int
    inflate: float

    @property
    def key(self) -> str:
        return f"{self.nodes.name} {self.tasks.name} {self.policy} {self.seed} {self.inflate:g}"


def perform(run: Run) -> Result:
    hosts, tasks = read_nodes(run.nodes), read_tasks(run.tasks)
    arrivals = draw(tasks, capacity_milli(hosts), run.inflate, run.seed)
    return replay(hosts, arrivals, policies.make(run.policy, run.seed, hosts, tasks), run.policy, run.seed)


def perform_all(runs: Sequence[Run], out: Path, workers: int | None = None) -> list[dict[str, Any]]:
    """The results in the order of `runs`; written to `out` as each one comes, so that nothing is lost by stopping."""
    done = read(out)
    missing = [run for run in runs if run.key not in done]
    with ProcessPoolExecutor(workers or os.cpu_count()) as pool:
        waiting = {pool.submit(perform, run): run for run in missing}
        for ended in tqdm(as_completed(waiting), total=len(waiting), unit="run", disable=None):
            done[waiting[ended].key] = ended.result().as_json()
            write(out, done)
    return [done[run.key] for run in runs]


def read(out: Path) -> dict[str, dict[str, Any]]:
    if not out.exists():
        return {}
    return {str(entry.pop("key")): entry for entry in json.loads(out.read_text())["runs"]}


def write(out: Path, done: dict[str, dict[str, Any]]) -> None:
    """Whole or not at all."""
    entries: Iterable[dict[str, Any]] = ({"key": key, **result} for key, result in sorted(done.items()))
    beside = out.with_name(out.name + ".new")
    beside.write_text(json.dumps({"runs": list(entries)}, indent=1) + "\n")
    beside.replace(out)
