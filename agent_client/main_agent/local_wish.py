"""What somebody on this host asks of the main agent by signals: USR1 drain, USR2 kill the scripts; both end it at last.

TERM leaves everything running and is main_agent.run's. `nightshift agent stop` sends these signals.
"""

import signal
import threading
from dataclasses import dataclass, field
from pathlib import Path

from agent_client.journal import scan
from agent_client.reserve import Reserve
from agent_client.sub_agent.stop_file import request_stop
from agent_client.sub_agent_dir import SubAgentDir
from agent_client.system_log import EventLog

log = EventLog(loop="beat")
DRAIN, KILL = signal.SIGUSR1, signal.SIGUSR2


@dataclass(frozen=True)
class LocalWish:
    """`noticed` wakes the beat loop up from a rest, `asked` from a pause after a failure as well. Only the main thread
    sets these, in signal handlers."""

    drain: threading.Event = field(default_factory=threading.Event)
    kill: threading.Event = field(default_factory=threading.Event)
    noticed: threading.Event = field(default_factory=threading.Event)
    asked: threading.Event = field(default_factory=threading.Event)

    def listen(self) -> None:
        signal.signal(DRAIN, lambda number, frame: self._set(kill=False))
        signal.signal(KILL, lambda number, frame: self._set(kill=True))

    def _set(self, kill: bool) -> None:
        self.drain.set()
        if kill:
            self.kill.set()
        self.noticed.set()
        self.asked.set()


def kill_scripts(sub_agents: Path) -> None:
    """Ask every sub agent that lives to end its script at once. Said again and again it is one request; one that cannot
    be asked now, as on a full disk, keeps no other from being asked."""
    for record in scan(sub_agents).records:
        if record.is_alive and record.local_state in ("claimed", "running"):
            folder = SubAgentDir(sub_agents / record.sub_agent_id)
            try:
                request_stop(folder, {"reason": "cancel", "grace_seconds": None, "kill_now": True})
            except OSError as error:
                Reserve.of(folder).give()
                log.error("stop_not_written", sub_agent_id=record.sub_agent_id, detail=str(error))
