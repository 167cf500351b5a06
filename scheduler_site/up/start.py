"""The first life of `manage.py up`: take the lock, prepare, say what is to run, become the watcher of it."""

import sys
from collections.abc import Callable

from django.conf import settings
from django.db import connections

from scheduler_site import system_log
from scheduler_site.access.links import create_link
from scheduler_site.serving import endpoints
from scheduler_site.up import cli_token, enrolment, site_lock
from scheduler_site.up.hand_over import become_watcher
from scheduler_site.up.plan import Plan
from scheduler_site.up.prepare import prepare
from scheduler_site.up.redis_check import check_redis

Say = Callable[[str], object]


class CannotStart(Exception):
    """One sentence."""


def up(say: Say) -> None:
    """Returns only beside another `up`. Raises CannotStart, NoRedis or endpoints.CannotListen."""
    lock = site_lock.hold(settings.DATA_DIR)
    if lock is None:
        say(already_running())
        return
    with lock:
        endpoints.check_free(settings.ADDRESS)
        check_redis(settings.REDIS_URL)
        prepare()
        system_log.only_to_file(settings.SYSTEM_LOG_DIR / "up.log", settings.LOG_FORMAT)
        enrolment.enrol()
        cli_token.renew()
        plan = plan_of(lock.fileno())
        connections.close_all()
        try:
            become_watcher(plan, settings.BASE_DIR)
        except OSError as error:
            raise CannotStart(f"The watcher could not be started: {error.strerror}.") from None


def already_running() -> str:
    url = site_lock.noted_url(settings.DATA_DIR)
    if url is None:
        raise CannotStart(f"Another start on {settings.DATA_DIR} is under way; try again in a moment.")
    return f"Nightshift is running already. A link to sign in:\n\n    {create_link(url)}\n"


def plan_of(lock: int) -> Plan:
    return Plan(
        lock=lock,
        data_dir=str(settings.DATA_DIR),
        log_dir=str(settings.SYSTEM_LOG_DIR),
        log_format=settings.LOG_FORMAT,
        log_level=settings.LOG_LEVEL,
        local_url=settings.ADDRESS.local_url,
        public_url=settings.PUBLIC_URL,
        server_command=[sys.executable, "manage.py", "serve"],
        agent_command=enrolment.agent_command(),
        agent_state_dir=str(enrolment.state_dir()),
        greeting=greeting(create_link(settings.PUBLIC_URL)),
    )


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
