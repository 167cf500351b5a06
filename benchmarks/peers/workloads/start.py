"""W2: how long from the submission on an idle system until the script's first command?"""

import random
import time

from benchmarks.peers.made_scripts import STAMP, MadeScripts
from benchmarks.peers.peer import Peer
from benchmarks.peers.rows import median, of_runs, tell


def measure(peer: Peer, runs: int, repeats: int = 50) -> None:
    peer.polls_fast = True
    calls: list[float] = []
    done = [_run(peer, repeats, calls) for _ in range(runs)]
    peer.polls_fast = False
    tell(peer, "W2", reps=repeats, **of_runs(done), submit_call_ms=median([call * 1e3 for call in calls], 2))


def _run(peer: Peer, repeats: int, calls: list[float]) -> list[float]:
    scripts = MadeScripts(repeats, STAMP)
    latencies = []
    for number, script in enumerate(scripts.all):
        began = time.time()
        handle = peer.submit(script)
        calls.append(time.time() - began)
        peer.wait([handle])
        latencies.append(scripts.moment(number) - began)
        time.sleep(peer.pause_seconds * random.uniform(1, 2))  # noqa: S311 - not in step with a timer of the peer
    scripts.remove()
    return latencies
