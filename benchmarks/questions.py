"""What is asked of Nightshift alone, by name: workloads that peers are asked, too, and programs of our own."""

import sys
from dataclasses import dataclass


@dataclass(frozen=True)
class Program:
    """A module that prints rows; with fewer figures when it is to be quick."""

    module: str
    arguments: tuple[str, ...] = ()
    quick: tuple[str, ...] = ()

    def command(self, is_quick: bool) -> list[str]:
        return [sys.executable, "-m", self.module, *(self.quick if is_quick else self.arguments)]


WORKLOADS = {
    "throughput": ("w1", "w1b"),
    "latency": ("w2", "w3"),
    "chain": ("w4",),
    "fan": ("w5",),
    "memory": ("idle", "w6"),
    "depth": ("w7",),
}
_GRID = ("--tasks", "1000,100000", "--shapes", "8,1000,0")
PROGRAMS = {
    "heartbeats": Program("benchmarks.heartbeats", quick=("--hosts", "25,50", "--seconds", "10", "--halvings", "0")),
    "paced": Program(
        "benchmarks.heartbeats",
        ("--beat-seconds", "0", "--hosts", "200,400,800", "--seconds", "40", "--warm-up", "60"),
        ("--beat-seconds", "0", "--hosts", "50", "--seconds", "10", "--halvings", "0"),
    ),
    "log_path": Program("benchmarks.log_path", quick=("--seconds", "9")),
    "page": Program("benchmarks.page", quick=("--lines", "10")),
    "planner": Program(
        "benchmarks.passes", (*_GRID, "--hosts", "10,1000"), ("--tasks", "1000", "--hosts", "10,100", "--shapes", "8")
    ),
}
QUESTIONS = (*WORKLOADS, *PROGRAMS)
