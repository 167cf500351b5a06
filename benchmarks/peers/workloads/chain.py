"""W4: how long does a chain take, each script after the one before it?"""

import time

from benchmarks.peers.made_scripts import STAMP, MadeScripts
from benchmarks.peers.peer import Peer
from benchmarks.peers.rows import median, spread, tell


def measure(peer: Peer, runs: int, length: int = 100) -> None:
    done = [_run(peer, length) for _ in range(runs)]
    whole, between = zip(*done, strict=True)
    tell(peer, "W4", n=length, runs=runs, **spread(list(whole)), first_to_last=median(between, 2))


def _run(peer: Peer, length: int) -> tuple[float, float]:
    """Seconds until the client knows that all have ended, and from the first script's stamp to the last one's."""
    scripts = MadeScripts(length, "echo @I; " + STAMP)
    began = time.time()
    peer.wait(peer.submit_chain(scripts.all))
    seconds = time.time() - began
    moments = [scripts.moment(number) for number in range(length)]
    scripts.remove()
    if moments != sorted(moments):
        raise AssertionError(f"{peer.name}: the chain ran out of order")
    return seconds, moments[-1] - moments[0]
