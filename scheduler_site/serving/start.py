"""The life of a server process: check, listen, run the loops, and put everything away at the end."""

import asyncio
import gc
import logging
import os
import resource
import sys

from django.conf import settings
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from agents import doorbell, supervision
from scheduler_site import system_log
from scheduler_site.loops import lease, registry
from scheduler_site.serving import endpoints, imports
from scheduler_site.shared import broadcast, nudges, throughput
from scheduler_site.shared.identity import instance_id
from tasks import recovery
from tasks.reporting import report_pace
from tasks.scheduling import run
from tasks.scheduling.explaining import recent

log = logging.getLogger(__name__)

NEW_OBJECTS = 3_000  # until garbage is looked for; bodies of 512 KiB hang on what is let go of in circles
# A request gets the interpreter some ten times before it is answered: with Python's own 5 ms, a loop that computes for
# long at that time would cost it 50.
THREADS_TAKE_TURNS_SECONDS = 0.001


def serve() -> None:
    """Blocks until SIGTERM or SIGINT. Raises CannotListen with one sentence."""
    if pending_migrations():
        raise endpoints.CannotListen("The database is not up to date. Run `make run`, or `manage.py migrate` first.")
    endpoints.check_free(settings.ADDRESS)
    endpoints.check_inherited(settings.LISTEN_FD, settings.INSECURE)
    system_log.to_file(settings.SYSTEM_LOG_DIR / settings.SERVER_LOG, settings.LOG_FORMAT)
    log.info("server_starting pid=%d url=%s instance=%s", os.getpid(), settings.PUBLIC_URL, instance_id())
    # A server that was away judges no host by the time it was away itself.
    supervision.after_restart(others_serve=lease.is_held_elsewhere("reaper"))
    report_pace.after_restart()
    recovery.after_restart()
    _allow_many_connections()
    try:
        failure = _run()
    finally:
        _put_away()
    log.info("server_stopped pid=%d", os.getpid())
    if failure:
        raise endpoints.CannotListen(f"The server could not listen: {failure}")


def _run() -> str:
    imports.import_all(with_tls=settings.ADDRESS.has_tls)
    from scheduler_site.asgi import application, onehop  # builds the handlers: only a server needs them
    from scheduler_site.serving import with_daphne, with_uvicorn
    from scheduler_site.serving.direct import Direct

    sys.setswitchinterval(THREADS_TAKE_TURNS_SECONDS)
    _leave_alone_what_is_loaded()
    throughput.measured_by(onehop.admission.per_second)
    files = (settings.TLS_CERT, settings.TLS_KEY)
    try:
        if settings.ASGI == "uvicorn":
            if settings.LISTEN_FD:
                raise endpoints.CannotListen("NIGHTSHIFT_LISTEN_FD is for daphne alone: unset it or NIGHTSHIFT_ASGI.")
            return with_uvicorn.run(application, settings.ADDRESS, files, _ready)
        listens_at = endpoints.descriptions(settings.ADDRESS, *files)
        return with_daphne.run(application, Direct(application, onehop), listens_at, _ready, settings.LISTEN_FD)
    finally:
        onehop.close()


def _leave_alone_what_is_loaded() -> None:
    """Modules live as long as the process: without this the collector walks through all of them now and then, while
    every request waits. Nor does it look at what is new after every 700 objects: a request makes more than that, and
    lets go of nearly all of them."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS)


def _allow_many_connections() -> None:
    """Each host holds two or three; the usual limit of 1,024 files would be reached at some 300 hosts."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _ready(loop: asyncio.AbstractEventLoop) -> None:
    broadcast.attach(loop)
    doorbell.attach(loop)
    recent.keep(True)
    run.at_leisure.append(recent.keep_ready)
    nudges.attach(_link(loop))
    registry.start()


def _link(loop: asyncio.AbstractEventLoop) -> nudges.Link | None:
    if not settings.REDIS_URL:
        return None
    from scheduler_site.shared.redis_link import RedisLink  # one process alone needs none of it

    return RedisLink(loop, settings.REDIS_URL, f"{settings.REDIS_PREFIX}-nudges")


def _put_away() -> None:
    nudges.attach(None)
    broadcast.attach(None)
    doorbell.attach(None)
    run.at_leisure.clear()
    recent.keep(False)
    throughput.measured_by(None)
    if registry.running is not None:
        registry.running.stop()


def pending_migrations() -> bool:
    executor = MigrationExecutor(connection)
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))
