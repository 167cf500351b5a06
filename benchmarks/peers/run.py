"""Runs workloads on one peer and prints a row for each: `python -m benchmarks.peers.run hq 0 --runs 3 w1 w2`.

In the interpreter that has the peer's library. A peer is started anew for W6 and each depth of W7. Installs nothing.
"""

import argparse
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from benchmarks.peers.known import PEERS
from benchmarks.peers.peer import CannotRun, Peer
from benchmarks.peers.rows import tell
from benchmarks.peers.workloads import chain, depth, end, fan, memory, start, throughput

SLOTS = 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("peer", choices=PEERS)
    parser.add_argument("variant", type=int)
    parser.add_argument("workload", nargs="+")
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    peer = PEERS[arguments.peer][arguments.variant].make()
    try:
        tell(peer, "settings", slots=SLOTS, runs=arguments.runs, text=_in_words(peer))
        run(peer, arguments.workload, arguments.runs)
    except CannotRun as error:
        raise SystemExit(f"{peer.name}: {error}") from None


def _in_words(peer: Peer) -> str:
    ends = f"ends: {peer.notify}" if peer.notify else ""
    return "; ".join(part for part in (peer.settings, ends) if part)


def run(peer: Peer, workloads: list[str], runs: int) -> None:
    if together := [workload for workload in workloads if workload not in ("w6", "w7")]:
        with started(peer, SLOTS):
            for workload in together:
                _one(peer, workload, runs)
    if "w6" in workloads:
        with started(peer, peer.together):
            memory.running(peer)
    for deep in peer.depths if "w7" in workloads else ():
        with started(peer, SLOTS):
            depth.measure(peer, deep)


@contextmanager
def started(peer: Peer, slots: int) -> Iterator[None]:
    try:
        peer.start(slots)
    except BaseException:
        with suppress(Exception):  # what was not begun cannot be ended
            peer.stop()
        raise
    try:
        yield
    finally:
        peer.stop()


def _one(peer: Peer, workload: str, runs: int) -> None:
    match workload:
        case "idle":
            memory.idle(peer)
        case "w1":
            throughput.single(peer, runs)
        case "w1b":
            throughput.batch(peer, runs)
        case "w2":
            start.measure(peer, runs, peer.repeats)
        case "w3":
            end.measure(peer, runs, peer.ends)
        case "w4":
            chain.measure(peer, runs, peer.chain_length)
        case "w5":
            fan.measure(peer, runs, peer.children)


if __name__ == "__main__":
    main()
