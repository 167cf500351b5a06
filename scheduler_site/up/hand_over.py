"""The start becomes the watcher: the same process, so that whoever started it, its lock and its terminal stay."""

import os
import signal
import sys
from pathlib import Path
from typing import NoReturn

from scheduler_site.up.plan import Plan

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def become_watcher(plan: Plan, folder: Path) -> NoReturn:
    """Does not return; OSError when there is no room for another program.

    A signal that comes meanwhile waits until the watcher listens. -S: no package, so it cannot grow by one.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os.chdir(folder)  # where the children run, too
    plan_descriptor = plan.written()
    for descriptor in (plan.lock, plan_descriptor):
        os.set_inheritable(descriptor, True)
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    arguments = [sys.executable, "-S", "-m", "scheduler_site.up.watch", str(plan_descriptor)]
    try:
        os.execv(sys.executable, arguments)  # noqa: S606 - our own interpreter
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
