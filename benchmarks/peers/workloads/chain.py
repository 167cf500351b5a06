"""W4: how long does a chain take, each script after the one before it?"""

import time

from benchmarks.peers.made_scripts import STAMP, MadeScripts
from benchmarks.peers.peer import Peer
from benchmarks.peers.rows import tell


def measure(peer: Peer, length: int = 100) -> None:
    scripts = MadeScripts(length, "echo @I; " + STAMP)
    began = time.time()
    peer.wait(peer.submit_chain(scripts.all))
    seconds = time.time() - began
    moments = [scripts.moment(number) for number in range(length)]
    scripts.remove()
    if moments != sorted(moments):
        raise AssertionError(f"{peer.name}: the chain ran out of order")
    tell(peer, "W4", n=length, secs=round(seconds, 2), first_to_last=round(moments[-1] - moments[0], 2))
