"""W3: how long from the end of a script until the client knows of it?"""

import time

from benchmarks.peers.made_scripts import STAMP, MadeScripts
from benchmarks.peers.peer import Peer
from benchmarks.peers.rows import quantile, tell


def measure(peer: Peer, repeats: int = 30) -> None:
    peer.polls_fast = True
    scripts = MadeScripts(repeats, "sleep 0.3\n" + STAMP)
    latencies = []
    for number, script in enumerate(scripts.all):
        peer.wait([peer.submit(script)])
        latencies.append(time.time() - scripts.moment(number))
    peer.polls_fast = False
    scripts.remove()
    p50, p95 = (round(quantile(latencies, share) * 1e3, 1) for share in (0.5, 0.95))
    tell(peer, "W3", reps=repeats, p50_ms=p50, p95_ms=p95, how=peer.notify)
