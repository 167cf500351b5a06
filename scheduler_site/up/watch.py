"""The second life of `manage.py up`: start both children, print the link, keep them running until a signal.

Standard library only: it is there as long as the server is, and needs a tenth of what Django needs.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from scheduler_site import system_log
from scheduler_site.up import plan as plans
from scheduler_site.up import site_lock
from scheduler_site.up.child import Child
from scheduler_site.up.farewell import farewell, running_task_ids
from scheduler_site.up.hand_over import SIGNALS
from scheduler_site.up.health_check import wait_until_well
from scheduler_site.up.local_agent import LocalAgent
from scheduler_site.up.plan import Plan
from scheduler_site.up.profile import add_profile

START_SECONDS = 60.0
STOP_SECONDS = 15.0
LOOK_SECONDS = 0.2

Say = Callable[[str], object]


class NoServer(Exception):
    """One sentence, and what the server said last."""


def main(descriptor: int) -> int:
    plan = plans.read(descriptor)
    os.set_inheritable(plan.lock, False)
    system_log.set_up(plan.log_format, plan.log_level)
    system_log.only_to_file(Path(plan.log_dir) / "up.log", plan.log_format)
    try:
        watch(plan, on_signals(), _say)
    except NoServer as error:
        sys.stderr.write(f"nightshift: {error}\n")
        return 1
    return 0


def watch(plan: Plan, stopping: threading.Event, say: Say) -> None:
    """Blocks until `stopping`. Raises NoServer."""
    server = Child("server", plan.server_command, Path(plan.log_dir) / "server.out")
    agent = LocalAgent(plan.agent_command, Path(plan.log_dir) / "agent.log", Path(plan.agent_state_dir))
    data_dir = Path(plan.data_dir)
    try:
        _start(server, agent, plan, stopping)
        if not stopping.is_set():
            site_lock.note_running(data_dir, plan.public_url)
            say(plan.greeting)
        _keep(server, agent, stopping, say)
    finally:
        site_lock.forget_running(data_dir)
        _stop([agent, server])
    say(farewell(running_task_ids(agent.state_dir)))


def on_signals() -> threading.Event:
    """Also those that came while there was nobody to listen."""
    stopping = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopping.set()

    for number in SIGNALS:
        signal.signal(number, stop)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    return stopping


def _start(server: Child, agent: LocalAgent, plan: Plan, stopping: threading.Event) -> None:
    server.start()
    is_well = wait_until_well(plan.local_url, START_SECONDS, lambda: server.is_running() and not stopping.is_set())
    if not is_well and not stopping.is_set():
        raise NoServer(f"The server did not start. It said last:\n{server.last_words()}")
    agent.tend()
    add_profile(plan.local_url, Path(plan.data_dir) / "cli_token")


def _keep(server: Child, agent: LocalAgent, stopping: threading.Event, say: Say) -> None:
    """Tells of the first end of each: the following ones are in the log."""
    while not stopping.wait(LOOK_SECONDS):
        for child in (server, agent):
            ends = child.ends
            child.tend()
            if child.ends > ends == 0:
                again = "as it was told" if child.is_over else f"(exit code {child.exit_code}) and is started again"
                say(f"The {child.name} ended {again}. See {child.log_path}")


def _stop(children: list[Child]) -> None:
    """The agent first: it says goodbye to a server that still listens."""
    for child in children:
        child.ask_to_stop()
        child.finish(STOP_SECONDS)


def _say(text: str) -> None:
    sys.stdout.write(text if text.endswith("\n") else f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
