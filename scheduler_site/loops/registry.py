"""Which loops a server runs. The turns live in the apps; here they get a name, a wake-up and a lease."""

from scheduler_site.loops.lease import Lease, own_name
from scheduler_site.loops.loop import Loop
from scheduler_site.retention import retention_turn
from tasks.recovery import reaper_turn
from tasks.reporting.flush import flush_turn
from tasks.scheduling import wakeup
from tasks.scheduling.run import scheduling_turn

STOP_SECONDS = 5.0


class Loops:
    """All loops of this process. Each process flushes what it holds in memory; the others act in one process only."""

    def __init__(self) -> None:
        holder = own_name()
        self.all = [
            Loop("scheduling", scheduling_turn, wakeup.event, Lease("scheduling", holder)),
            Loop("reaper", reaper_turn, None, Lease("reaper", holder)),
            Loop("retention", retention_turn, None, Lease("retention", holder)),
            Loop("flush", flush_turn),
        ]

    def start(self) -> None:
        for loop in self.all:
            loop.start()

    def stop(self) -> None:
        for loop in self.all:
            loop.stop()
        for loop in self.all:
            loop.join(STOP_SECONDS)
        flush_turn()


running: Loops | None = None


def start() -> Loops:
    global running
    running = Loops()
    running.start()
    return running
