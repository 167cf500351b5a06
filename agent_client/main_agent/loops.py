"""Named loops, and how the main agent comes to its end. Knows nothing of what a loop does."""

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass

from agent_client.enrolment import EnrolmentRefused
from agent_client.main_agent.state_dir import StateDirError
from agent_client.system_log import EventLog

EXIT_STOPPED = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_IN_USE = 3
EXIT_NOT_ENROLLED = 4
EXIT_ENDED = 5


class Ended(Exception):
    """The main agent is to end for good: nobody should start it again by himself. The message says why."""


@dataclass(frozen=True)
class End:
    """Why the agent ends: the exit status and, unless it was asked to, a sentence."""

    exit_code: int
    sentence: str = ""


class Shutdown:
    """The first reason to end wins; the process ends soon after, in whatever state the loops are."""

    def __init__(self) -> None:
        self._ends: list[End] = []
        self._bell, self._button = os.pipe()

    def ask(self, end: End) -> None:
        """Takes no lock, because signal handlers call it in the middle of anything."""
        self._ends.append(end)
        os.write(self._button, b"x")

    def wait(self) -> End:
        os.read(self._bell, 1)
        return self._ends[0]


def start_loop(name: str, body: Callable[[], None], shutdown: Shutdown) -> threading.Thread:
    """Run `body` in a thread of that name. A body that raises is logged and ends the agent; scripts run on."""
    thread = threading.Thread(target=_run, args=(name, body, shutdown), name=name, daemon=True)
    thread.start()
    return thread


def _run(name: str, body: Callable[[], None], shutdown: Shutdown) -> None:
    log = EventLog(loop=name)
    try:
        body()
    except Ended as end:
        shutdown.ask(End(EXIT_ENDED, str(end)))
    except EnrolmentRefused as error:
        shutdown.ask(End(EXIT_NOT_ENROLLED, str(error)))
    except StateDirError as error:
        shutdown.ask(End(EXIT_USAGE, str(error)))
    except Exception as error:
        log.exception("loop_failed", detail=f"{type(error).__name__}: {error}")
        shutdown.ask(End(EXIT_FAILED, f"the {name} loop failed ({type(error).__name__}: {error}); see the log"))
    else:
        shutdown.ask(End(EXIT_FAILED, f"the {name} loop ended by itself"))
