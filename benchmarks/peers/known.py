"""The peers by the names they are asked for with: what runs, in what interpreter, and which workloads it can do."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

from benchmarks.peers.peer import Peer

EVERYTHING = ("idle", "w1", "w1b", "w2", "w3", "w4", "w5", "w6", "w7")


@dataclass(frozen=True)
class Known:
    make: Callable[[], Peer]
    workloads: tuple[str, ...] = EVERYTHING
    is_ours: bool = False  # runs in the interpreter of the project, not in that of the peers
    needs_loopback: bool = False  # listens on all addresses: runs where there is only loopback


def without(*left_out: str) -> tuple[str, ...]:
    return tuple(workload for workload in EVERYTHING if workload not in left_out)


def _made(module: str, name: str, *arguments: object) -> Callable[[], Peer]:
    """Imported only where it runs."""

    def make() -> Peer:
        peer: Peer = getattr(import_module(f"benchmarks.peers.{module}"), name)(*arguments)
        return peer

    return make


PEERS: dict[str, tuple[Known, ...]] = {
    "nightshift": (Known(_made("nightshift", "Nightshift"), is_ours=True),),
    "floor": (
        Known(_made("floor", "Threads"), ("w1b", "w2", "w3", "w4")),
        Known(_made("floor", "xargs"), ("w1b",)),
        Known(_made("floor", "parallel"), ("w1b",)),
    ),
    "tsp": (Known(_made("task_spooler", "TaskSpooler"), without("w1b", "w5")),),
    "celery": (
        Known(_made("celery_redis", "Celery", "prefork"), without("w1b")),
        Known(_made("celery_redis", "Celery", "threads"), ("w1", "w2", "w6")),
    ),
    "dask": (Known(_made("dask_distributed", "Dask")),),
    "ray": (Known(_made("ray_tasks", "Ray"), without("w1b"), needs_loopback=True),),
    "hq": (Known(_made("hyperqueue_local", "HyperQueue"), needs_loopback=True),),
    "slurm": (
        Known(_made("slurm", "Slurm", "tuned", 40)),
        Known(_made("slurm", "Slurm", "default", 12), ("idle", "w1", "w2", "w4", "w5")),
        Known(_made("slurm", "Slurm", "tuned-oversubscribed", 500), ("w1", "w1b")),
    ),
}
QUICK = ("idle", "w1", "w1b", "w2", "w4", "w6")
