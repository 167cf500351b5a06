"""The life of the cluster: PostgreSQL and Redis, then the servers, then this machine's main agent; ended in the other
order. All servers listen on one socket besides their own, so that requests spread and none is lost with one of them."""

import logging
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence

import redis
from django.conf import settings
from django.db import OperationalError, connection

from scheduler_site import system_log
from scheduler_site.access.links import create_link
from scheduler_site.cluster.free_port import free_port
from scheduler_site.cluster.postgresql import PostgreSQL
from scheduler_site.cluster.redis_server import RedisServer
from scheduler_site.serving import endpoints
from scheduler_site.up import cli_token, enrolment, site_lock
from scheduler_site.up.child import Child
from scheduler_site.up.farewell import farewell, running_task_ids
from scheduler_site.up.health_check import wait_until_well
from scheduler_site.up.local_agent import LocalAgent
from scheduler_site.up.prepare import prepare
from scheduler_site.up.profile import add_profile
from scheduler_site.up.start import CannotStart
from scheduler_site.up.watch import LOOK_SECONDS, START_SECONDS, STOP_SECONDS, on_signals

log = logging.getLogger(__name__)

SERVERS = 2


class Server(Child):
    def __init__(self, number: int, shared: socket.socket) -> None:
        self.port = free_port()
        own = {"PORT": self.port, "SERVER_LOG": f"server-{number}.log", "LISTEN_FD": shared.fileno()}
        environment = {**os.environ, "NIGHTSHIFT_PUBLIC_URL": settings.PUBLIC_URL}
        environment |= {f"NIGHTSHIFT_{name}": str(value) for name, value in own.items()}
        super().__init__(
            f"server {number}",
            [sys.executable, "manage.py", "serve"],
            settings.SYSTEM_LOG_DIR / f"server-{number}.out",
            env=environment,
            pass_fds=[shared.fileno()],
        )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def run(database: PostgreSQL, news: RedisServer) -> int:
    """Blocks until SIGINT, SIGTERM or SIGHUP."""
    os.chdir(settings.BASE_DIR)  # where the children run, too
    stopping = on_signals()
    started: list[Child] = []
    try:
        with _shared_socket() as shared:
            _run(database, news, [Server(number + 1, shared) for number in range(SERVERS)], started, stopping)
    except (CannotStart, endpoints.CannotListen) as error:
        _say(str(error))
        return 1
    finally:
        site_lock.forget_running(settings.DATA_DIR)
        _stop(started)
    _say(farewell(running_task_ids(enrolment.state_dir())))
    return 0


def _run(
    database: PostgreSQL, news: RedisServer, servers: list[Server], started: list[Child], stopping: threading.Event
) -> None:
    _start(database, started, _is_database_up, stopping)
    _start(news, started, lambda: _is_redis_up(news.url), stopping)
    prepare()
    system_log.only_to_file(settings.SYSTEM_LOG_DIR / "cluster.log", settings.LOG_FORMAT)
    agent = LocalAgent(enrolment.agent_command(), settings.SYSTEM_LOG_DIR / "agent.log", enrolment.state_dir())
    enrolment.enrol()
    cli_token.renew()
    for server in servers:
        _start(server, started, lambda: wait_until_well(server.url, 1, server.is_running), stopping)  # noqa: B023
    if not stopping.is_set():
        started.append(agent)
        agent.tend()
        add_profile(settings.ADDRESS.local_url, settings.DATA_DIR / "cli_token")
        site_lock.note_running(settings.DATA_DIR, settings.PUBLIC_URL)
        _say(_greeting(servers))
    _keep(started, stopping)


def _shared_socket() -> socket.socket:
    endpoints.check_free(settings.ADDRESS)
    shared = socket.socket()
    shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    shared.bind((settings.HOST, settings.PORT))
    shared.listen(endpoints.BACKLOG)
    return shared


def _start(child: Child, started: list[Child], is_up: Callable[[], bool], stopping: threading.Event) -> None:
    child.start()
    started.append(child)
    deadline = time.monotonic() + START_SECONDS
    while not stopping.is_set() and not is_up():
        if not child.is_running() or time.monotonic() > deadline:
            raise CannotStart(f"{child.name} did not start. It said last:\n{child.last_words()}")
        time.sleep(LOOK_SECONDS)


def _is_database_up() -> bool:
    try:
        connection.ensure_connection()
    except OperationalError:
        return False
    return True


def _is_redis_up(url: str) -> bool:
    try:
        with redis.Redis.from_url(url) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False


def _keep(children: Sequence[Child], stopping: threading.Event) -> None:
    """Tells of the first end of each: the following ones are in the log."""
    while not stopping.wait(LOOK_SECONDS):
        for child in children:
            ends = child.ends
            child.tend()
            if child.ends > ends == 0:
                _say(f"{child.name} ended (exit code {child.exit_code}). See {child.log_path}")


def _stop(started: list[Child]) -> None:
    """The agent first: it says goodbye to a server that still listens. The database last."""
    for child in reversed(started):
        child.ask_to_stop()
        child.finish(STOP_SECONDS)


def _greeting(servers: Sequence[Server]) -> str:
    addresses = "\n".join(f"    {server.name} alone: {server.url}" for server in servers)
    return (
        f"Nightshift runs on PostgreSQL, Redis and {len(servers)} server processes. Open this link to sign in:\n\n"
        f"    {create_link(settings.PUBLIC_URL)}\n\n"
        f"Each request goes to any of them. One by itself, with the same sign-in:\n\n{addresses}\n\nCtrl-C stops it.\n"
    )


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
