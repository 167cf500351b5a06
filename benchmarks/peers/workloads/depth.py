"""W7: both slots are blocked and many tasks wait: what does one more submission cost, and how fast do they go then?

How long the first start takes after the slots became free is asked again and again where a peer can be told what goes
first: for that blocks the slots anew, whatever waits. Elsewhere it is known once.
"""

import os
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.peers.made_scripts import MadeScripts, Script
from benchmarks.peers.peer import Handle, Peer
from benchmarks.peers.processes import memory_of
from benchmarks.peers.rows import median, tell

SLOTS = 2
PROBES = 100
DRAINED = 200
LONGEST_SECONDS = 40.0
STARTS = 9
CALM_SECONDS = 1.0


def measure(peer: Peer, depth: int) -> None:
    scripts = MadeScripts(depth + PROBES, "echo hello @I; : > @D/end/@I\n")
    (scripts.folder / "end").mkdir()
    kept: list[Handle] = []  # some peers cancel what nobody holds
    blockers = Blockers(peer.submit, kept)
    fill = _submitted(peer, scripts, depth, kept)
    one = _submitted_singly(peer, scripts, depth, kept)
    memory = memory_of(peer).own
    firsts = []
    if peer.can_go_first:
        for _ in range(STARTS - 1):
            firsts += _ended_after(blockers.released(), scripts, 1)
            blockers = Blockers(peer.submit_first, kept)
            time.sleep(CALM_SECONDS)
    ends = _ended_after(blockers.released(), scripts, DRAINED)
    _tell(peer, depth, fill, one, memory, [*firsts, *ends[:1]], ends)
    scripts.remove()


class Blockers:
    """They hold both slots until they are released."""

    def __init__(self, submit: Callable[[Script], Handle], kept: list[Handle]) -> None:
        """Returns when both run."""
        self._scripts = MadeScripts(SLOTS, "echo $$ > @D/@I.pid\nexec sleep 600\n")
        kept += [submit(script) for script in self._scripts.all]
        while len(pids := self._pids()) < SLOTS:
            time.sleep(0.05)
        self._running = pids

    def released(self) -> float:
        """When that was."""
        now = time.time()
        for pid in self._running:
            os.kill(pid, 15)
        self._scripts.remove()
        return now

    def _pids(self) -> list[int]:
        """Of those that have written theirs."""
        texts = [path.read_text() for path in self._scripts.folder.glob("*.pid")]
        return [int(text) for text in texts if text]


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


def _ended_after(released: float, scripts: MadeScripts, count: int) -> list[float]:
    """The seconds until each of the next `count` ended, in order. Nobody polls the peer meanwhile."""
    deadline = released + LONGEST_SECONDS
    while len(ends := _ends(scripts.folder / "end", released)) < count and time.time() < deadline:
        time.sleep(0.02)
    return [end - released for end in ends[:count]]


def _ends(folder: Path, released: float) -> list[float]:
    """Nothing ended for a while before the release; files' times are of the kernel's last tick."""
    times = [path.stat().st_mtime for path in folder.iterdir()]
    return sorted(at for at in times if at > released - CALM_SECONDS / 2)


def _tell(
    peer: Peer, depth: int, fill: float, one: float, memory: float, firsts: list[float], ends: list[float]
) -> None:
    """`firsts` and `ends`: seconds after a release."""
    tell(
        peer,
        "W7",
        depth=depth,
        fill_ms_per_task=round(fill / depth * 1e3, 3),
        fill="batch" if _is_filled_by_batch(peer) else "single",
        submit_ms=round(one / PROBES * 1e3, 2),
        **_first_starts([second * 1e3 for second in firsts]),
        drain_rate=round((len(ends) - 1) / (ends[-1] - ends[0]), 1) if len(ends) > 1 else 0,
        drained=len(ends),
        pss_mb=round(memory, 1),
    )


def _first_starts(ms: list[float]) -> dict[str, float]:
    if not ms:
        return {"firsts": 0}
    return {"first_ms": median(ms), "first_lo": round(min(ms), 1), "first_hi": round(max(ms), 1), "firsts": len(ms)}
