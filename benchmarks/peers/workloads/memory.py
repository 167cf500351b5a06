"""W6: how much memory does the peer take, idle and for each of many tasks at once?"""

import time

from benchmarks.peers.made_scripts import MadeScripts
from benchmarks.peers.peer import Peer
from benchmarks.peers.processes import memory_of
from benchmarks.peers.rows import tell

SETTLE_SECONDS = 3.0
LONGEST_SECONDS = 60.0
# They wait for each other: on a slow machine the first would have ended before the last begins.
WAITS = "touch @D/@I.up\nfor _ in {1..120}; do [ -e @D/go ] && break; sleep 1; done\n"


def idle(peer: Peer) -> None:
    time.sleep(SETTLE_SECONDS)
    found = memory_of(peer)
    tell(peer, "idle", idle_mb=round(found.own, 1), procs=found.processes)


def running(peer: Peer) -> None:
    """Of a peer that was started with as many slots."""
    time.sleep(SETTLE_SECONDS)
    before = memory_of(peer)
    scripts = MadeScripts(peer.together, WAITS)
    handles = [peer.submit(script) for script in scripts.all]
    up = max(_running(scripts), 1)
    after = memory_of(peer)
    (scripts.folder / "go").touch()
    tell(
        peer,
        "W6",
        idle_mb=round(before.own, 1),
        idle_procs=before.processes,
        running=up,
        per_task_mb=round((after.own - before.own) / up, 2),
        script_mb=round(after.scripts / up, 2),
        procs_per_task=round((after.processes - before.processes) / up, 1),
    )
    peer.wait(handles)
    scripts.remove()


def _running(scripts: MadeScripts) -> int:
    """How many have begun, all of them or what a minute brings."""
    deadline = time.monotonic() + LONGEST_SECONDS
    while len(list(scripts.folder.glob("*.up"))) < scripts.count and time.monotonic() < deadline:
        time.sleep(0.2)
    time.sleep(1)
    return len(list(scripts.folder.glob("*.up")))
