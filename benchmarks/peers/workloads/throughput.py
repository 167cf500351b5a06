"""W1: how many trivial scripts a second, from the first submission until the client knows that all have ended?"""

import time
from dataclasses import dataclass

from benchmarks.peers.made_scripts import MadeScripts
from benchmarks.peers.peer import Peer
from benchmarks.peers.processes import busy_seconds
from benchmarks.peers.rows import median, tell


@dataclass(frozen=True)
class Run:
    seconds: float
    submit_ms: float  # a task
    cpu_ms: float  # a task, of the whole machine


def single(peer: Peer, runs: int) -> None:
    _measure(peer, "W1", runs, is_batch=False)


def batch(peer: Peer, runs: int) -> None:
    _measure(peer, "W1 batch", runs, is_batch=True)


def _measure(peer: Peer, workload: str, runs: int, *, is_batch: bool) -> None:
    done = [_run(peer, is_batch) for _ in range(runs)]
    rates = [peer.tasks / run.seconds for run in done]
    tell(
        peer,
        workload,
        n=peer.tasks,
        runs=runs,
        rate=median(rates),
        lo=round(min(rates), 1),
        hi=round(max(rates), 1),
        submit_ms=median([run.submit_ms for run in done], 3),
        cpu_ms_per_task=median([run.cpu_ms for run in done], 2),
    )


def _run(peer: Peer, is_batch: bool) -> Run:
    scripts = MadeScripts(peer.tasks, "echo hello @I\n")
    busy, began = busy_seconds(), time.time()
    handles = peer.submit_batch(scripts.all) if is_batch else [peer.submit(script) for script in scripts.all]
    submitted = time.time()
    peer.wait(handles)
    ended = time.time()
    cpu = busy_seconds() - busy
    if not peer.keeps_output and (good := scripts.outputs_that_begin_with("hello")) != scripts.count:
        raise AssertionError(f"{peer.name}: {good} of {scripts.count} outputs are there")
    scripts.remove()
    return Run(ended - began, (submitted - began) / scripts.count * 1e3, cpu / scripts.count * 1e3)
