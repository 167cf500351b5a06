"""A lease on a loop: of several server processes one acts. Renewed seldom, given back at the end; a dead holder on this
host is succeeded at once, one elsewhere after LEASE_SECONDS by the clock of the database, for those of servers differ.
"""

import os
import socket
import time
from datetime import timedelta
from pathlib import Path

import psutil
from django.db.models import Q
from django.db.models.functions import Now

from scheduler_site.models import LoopLease

LEASE_SECONDS = 20.0
RENEW_SECONDS = 5.0


def own_name() -> str:
    """Host, boot, process and its start: never the same twice."""
    return _name_of(os.getpid(), psutil.Process().create_time())


def _name_of(pid: int, started: float) -> str:
    return f"{socket.gethostname()}/{_boot_id()}/{pid}/{started:.2f}"


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return f"{psutil.boot_time():.0f}"


def is_dead(holder: str) -> bool:
    """True only with proof: a process of this host that is gone."""
    host, _, rest = holder.partition("/")
    if host != socket.gethostname():
        return False
    try:
        pid = int(rest.split("/")[1])
        return holder != _name_of(pid, psutil.Process(pid).create_time())
    except psutil.NoSuchProcess:
        return True
    except (IndexError, ValueError, psutil.Error):
        return False


def is_held_elsewhere(name: str) -> bool:
    """Whether another process holds it and seems to live."""
    fresh = LoopLease.objects.filter(name=name, renewed_at__gte=Now() - timedelta(seconds=LEASE_SECONDS))
    holder = fresh.values_list("holder", flat=True).first()
    return bool(holder) and not is_dead(str(holder))


class Lease:
    def __init__(self, name: str, holder: str) -> None:
        self.name, self.holder = name, holder
        self._renewed = -LEASE_SECONDS

    def held(self) -> bool:
        """True while this process may act. Asks the database every few seconds only."""
        now = time.monotonic()
        if now - self._renewed < RENEW_SECONDS:
            return True
        if not self._renew():
            self._renewed = -LEASE_SECONDS
            return False
        self._renewed = now
        return True

    def release(self) -> None:
        LoopLease.objects.filter(name=self.name, holder=self.holder).update(holder="")
        self._renewed = -LEASE_SECONDS

    def _renew(self) -> bool:
        LoopLease.objects.get_or_create(name=self.name)
        free = Q(holder__in=["", self.holder]) | Q(renewed_at__lt=Now() - timedelta(seconds=LEASE_SECONDS))
        row = LoopLease.objects.filter(name=self.name)
        if row.filter(free).update(holder=self.holder, renewed_at=Now()) == 1:
            return True
        other = row.values_list("holder", flat=True).get()
        return is_dead(other) and row.filter(holder=other).update(holder=self.holder, renewed_at=Now()) == 1
