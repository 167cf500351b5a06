"""The life of `manage.py up`: take the lock, prepare, start both children, print the link, keep them running."""

import logging
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType

from django.conf import settings

from scheduler_site import system_log
from scheduler_site.access.links import create_link
from scheduler_site.serving import endpoints
from scheduler_site.up import site_lock
from scheduler_site.up.child import Child
from scheduler_site.up.farewell import farewell, running_task_ids
from scheduler_site.up.health_check import wait_until_well
from scheduler_site.up.local_agent import LocalAgent, state_dir
from scheduler_site.up.prepare import prepare
from scheduler_site.up.profile import add_profile
from scheduler_site.up.redis_check import check_redis

log = logging.getLogger(__name__)

START_SECONDS = 60.0
STOP_SECONDS = 15.0
LOOK_SECONDS = 0.2

Say = Callable[[str], object]


class CannotStart(Exception):
    """One sentence, and what the server said last."""


def up(say: Say) -> None:
    """Blocks until SIGINT, SIGTERM or SIGHUP. Raises CannotStart, NoRedis or endpoints.CannotListen."""
    lock = site_lock.hold(settings.DATA_DIR)
    if lock is None:
        say(already_running())
        return
    with lock:
        endpoints.check_free(settings.ADDRESS)
        check_redis(settings.REDIS_URL)
        prepare()
        system_log.only_to_file(settings.SYSTEM_LOG_DIR / "up.log", settings.LOG_FORMAT)
        _run(say)


def already_running() -> str:
    url = site_lock.noted_url(settings.DATA_DIR)
    if url is None:
        raise CannotStart(f"Another start on {settings.DATA_DIR} is under way; try again in a moment.")
    return f"Nightshift is running already. A link to sign in:\n\n    {create_link(url)}\n"


def _run(say: Say) -> None:
    stopping = on_signals()
    server = Child("server", [sys.executable, "manage.py", "serve"], settings.SYSTEM_LOG_DIR / "server.out")
    agent = LocalAgent()
    agent.enrol()
    try:
        _start(server, agent, stopping)
        if not stopping.is_set():
            site_lock.note_running(settings.DATA_DIR, settings.PUBLIC_URL)
            say(greeting(create_link(settings.PUBLIC_URL)))
        _keep(server, agent, stopping, say)
    finally:
        site_lock.forget_running(settings.DATA_DIR)
        _stop([agent, server])
    say(farewell(running_task_ids(state_dir())))


def on_signals() -> threading.Event:
    stopping = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopping.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    return stopping


def _start(server: Child, agent: LocalAgent, stopping: threading.Event) -> None:
    server.start()
    is_well = wait_until_well(
        settings.ADDRESS.local_url, START_SECONDS, lambda: server.is_running() and not stopping.is_set()
    )
    if not is_well and not stopping.is_set():
        raise CannotStart(f"The server did not start. It said last:\n{server.last_words()}")
    agent.tend()
    add_profile()


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


def greeting(link: str) -> str:
    warning = ""
    if settings.SHOW_INSECURE_BANNER:
        warning = "Not encrypted (NIGHTSHIFT_INSECURE=1): others on this network can read along.\n"
    if settings.PIN:
        warning = (
            "The certificate is the server's own; a browser asks once. Its SHA-256, for `nightshift login --pin`:\n"
            f"{settings.PIN}\n"
        )
    return f"{warning}Nightshift is running. Open this link to sign in:\n\n    {link}\n\nCtrl-C stops it.\n"
