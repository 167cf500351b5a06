"""W7: both slots are blocked and many tasks wait: what does one more submission cost, and how fast do they go then?"""

import os
import time

from benchmarks.peers.made_scripts import MadeScripts
from benchmarks.peers.peer import Handle, Peer
from benchmarks.peers.processes import memory_of
from benchmarks.peers.rows import tell

SLOTS = 2
PROBES = 100
DRAINED = 200
LONGEST_SECONDS = 40.0


def measure(peer: Peer, depth: int) -> None:
    scripts = MadeScripts(depth + PROBES, "echo hello @I; : > @D/end/@I\n")
    blockers = MadeScripts(SLOTS, "echo $$ > @D/@I.pid\nexec sleep 600\n")
    (scripts.folder / "end").mkdir()
    kept: list[Handle] = [peer.submit(blocker) for blocker in blockers.all]  # some peers cancel what nobody holds
    pids = _running(blockers)
    fill = _submitted(peer, scripts, depth, kept)
    one = _submitted_singly(peer, scripts, depth, kept)
    memory = memory_of(peer).own
    released = time.time()
    for pid in pids:
        os.kill(pid, 15)
    ends = _drained(scripts, released)
    _tell(peer, depth, fill, one, memory, [end - released for end in ends])
    scripts.remove()
    blockers.remove()


def _running(blockers: MadeScripts) -> list[int]:
    """Their processes, once all are there."""
    while True:
        found = [path.read_text() for path in blockers.folder.glob("*.pid")]
        if len(found) == blockers.count and all(found):
            return [int(text) for text in found]
        time.sleep(0.05)


def _is_filled_by_batch(peer: Peer) -> bool:
    return peer.has_batch and peer.fills_by_batch


def _submitted(peer: Peer, scripts: MadeScripts, depth: int, kept: list[Handle]) -> float:
    """The seconds it took."""
    began = time.time()
    if _is_filled_by_batch(peer):
        kept += peer.submit_batch(scripts.all[:depth])
    else:
        kept += [peer.submit(script) for script in scripts.all[:depth]]
    return time.time() - began


def _submitted_singly(peer: Peer, scripts: MadeScripts, depth: int, kept: list[Handle]) -> float:
    began = time.time()
    kept += [peer.submit(script) for script in scripts.all[depth:]]
    return time.time() - began


def _drained(scripts: MadeScripts, released: float) -> list[float]:
    """When the first of them ended, in order. Nobody polls the peer meanwhile."""
    folder = scripts.folder / "end"
    while sum(1 for _ in folder.iterdir()) < DRAINED and time.time() < released + LONGEST_SECONDS:
        time.sleep(0.02)
    return sorted(path.stat().st_mtime for path in folder.iterdir())[:DRAINED]


def _tell(peer: Peer, depth: int, fill: float, one: float, memory: float, ends: list[float]) -> None:
    """`ends`: seconds after the release."""
    tell(
        peer,
        "W7",
        depth=depth,
        fill_ms_per_task=round(fill / depth * 1e3, 3),
        fill="batch" if _is_filled_by_batch(peer) else "single",
        submit_ms=round(one / PROBES * 1e3, 2),
        first_ms=round(ends[0] * 1e3, 1) if ends else None,
        drain_rate=round((len(ends) - 1) / (ends[-1] - ends[0]), 1) if len(ends) > 1 else 0,
        drained=len(ends),
        pss_mb=round(memory, 1),
    )
