"""W3: how long from the end of a script until the client knows of it?"""

import time

from benchmarks.peers.made_scripts import STAMP, MadeScripts
from benchmarks.peers.peer import Peer
from benchmarks.peers.rows import of_runs, tell


def measure(peer: Peer, runs: int, repeats: int = 30) -> None:
    peer.polls_fast = True
    done = [_run(peer, repeats) for _ in range(runs)]
    peer.polls_fast = False
    tell(peer, "W3", reps=repeats, **of_runs(done), how=peer.notify)


def _run(peer: Peer, repeats: int) -> list[float]:
    scripts = MadeScripts(repeats, "sleep 0.3\n" + STAMP)
    latencies = []
    for number, script in enumerate(scripts.all):
        peer.wait([peer.submit(script)])
        latencies.append(time.time() - scripts.moment(number))
    scripts.remove()
    return latencies
