"""W5: how long do one root, its children and a join after all of them take?"""

import time

from benchmarks.peers.made_scripts import STAMP, MadeScripts
from benchmarks.peers.peer import Peer
from benchmarks.peers.rows import spread, tell


def measure(peer: Peer, runs: int, children: int = 200) -> None:
    tell(peer, "W5", n=children + 2, runs=runs, **spread([_run(peer, children) for _ in range(runs)]))


def _run(peer: Peer, children: int) -> float:
    scripts = MadeScripts(children + 2, "echo @I; " + STAMP)
    root, *middle, join = scripts.all
    began = time.time()
    peer.wait(peer.submit_fan(root, middle, join))
    seconds = time.time() - began
    first, *between, last = [scripts.moment(number) for number in range(scripts.count)]
    scripts.remove()
    if not first < min(between) <= max(between) < last:
        raise AssertionError(f"{peer.name}: the fan ran out of order")
    return seconds
