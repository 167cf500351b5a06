"""Breaks a site on purpose, by a seed: processes killed and frozen, networks cut and spoilt, disks filled, the database
locked. Every fault has an end, at which what it broke is whole again.
"""

import contextlib
import os
import random
import signal
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.chaos import faults
from tests.chaos.namespaces import cannot_slow_down
from tests.chaos.report import Report
from tests.chaos.site import ChaosHost, ChaosSite

Undo = Callable[[], None]
SECONDS = (0.5, 9.0)
LONG_CUT = "net cut for long"
LONG_SECONDS = (26.0, 40.0)  # a failover task's host is given up after 25
SPOILT: tuple[tuple[faults.Fault, float], ...] = (
    (faults.drop_request, 0.4),
    (faults.drop_reply, 0.4),
    (faults.reset, 0.4),
    (faults.duplicate, 0.8),
    (faults.duplicate_at_once, 0.8),
    (faults.late(2.0), 0.3),
    (faults.delay(0.5), 0.5),
    (faults.truncate_request, 0.3),
    (faults.truncate_reply, 0.3),
    (faults.bad_gateway, 0.5),
    (faults.captive_portal, 0.5),
    (faults.redirect, 0.5),
    (faults.stall, 0.1),
)


class Nemesis:
    def __init__(self, site: ChaosSite, report: Report, seed: int, faults_per_minute: float) -> None:
        self._site = site
        self._report = report
        self._random = random.Random(seed)
        self._pause = 60.0 / faults_per_minute
        self._busy: dict[str, tuple[float, Undo]] = {}  # what is broken -> until when, and how it is made whole
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="nemesis", daemon=True)
        self.counts: Counter[str] = Counter()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Everything is whole again afterwards."""
        self._stopping.set()
        self._thread.join()
        self._undo(float("inf"))
        self._site.heal()

    def _run(self) -> None:
        while not self._stopping.is_set():
            began = time.monotonic()
            self._undo(began)
            for _ in range(20):  # not everything can be broken at any moment
                if self._break_something():
                    break
            rest = self._random.uniform(0.2, 1.8) * self._pause
            self._stopping.wait(max(0.0, began + rest - time.monotonic()))

    def _undo(self, now: float) -> None:
        for target in [target for target, (until, _) in self._busy.items() if until <= now]:
            _, undo = self._busy.pop(target)
            try:
                undo()
            except Exception as error:  # noqa: BLE001 - the rig's own trouble is told, and the run goes on
                self._report.violation(f"the rig could not make {target} whole again: {error!r}")
            self._report.note("whole", target=target)

    def _break_something(self) -> bool:
        name, fault = self._random.choice([*self._server_faults(), *self._host_faults() * 2])
        host = self._random.choice(self._site.hosts)
        target = "server" if name.startswith("server") else f"{host.name} {name.partition(' ')[0]}"
        undo = None if target in self._busy else fault(host)
        if undo is None:
            return False
        seconds = self._random.uniform(*(LONG_SECONDS if name == LONG_CUT else SECONDS))
        self.counts[name] += 1
        self._report.note("fault", fault=name, target=target, seconds=round(seconds, 1))
        self._busy[target] = (time.monotonic() + seconds, undo)
        return True

    def _server_faults(self) -> list[tuple[str, Callable[[ChaosHost], Undo | None]]]:
        return [
            ("server killed", self._kill_server),
            ("server frozen", self._freeze_server),
            ("server's database locked", self._lock_database),
        ]

    def _host_faults(self) -> list[tuple[str, Callable[[ChaosHost], Undo | None]]]:
        return [
            ("agent killed", self._kill_agent),
            ("agent frozen", self._freeze_agent),
            ("sub killed", self._kill_sub_agent),
            ("sub frozen", self._freeze_sub_agent),
            ("net cut", self._cut),
            (LONG_CUT, self._cut),
            ("net one way", self._one_way),
            ("net spoilt", self._spoil),
            ("net spoilt", self._spoil),
            ("net slow", self._slow),
            ("disk full", self._fill_disk),
        ]

    # The server

    def _kill_server(self, _: ChaosHost) -> Undo:
        self._site.nightshift.kill_server()
        return self._site.nightshift.start

    def _freeze_server(self, _: ChaosHost) -> Undo | None:
        server = self._site.nightshift.server
        return None if server is None else _frozen(server.pid)

    def _lock_database(self, _: ChaosHost) -> Undo | None:
        """As a shell would with BEGIN EXCLUSIVE."""
        path = self._site.nightshift.data_dir / "database" / "nightshift.sqlite3"
        connection = sqlite3.connect(path, timeout=5, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError:
            connection.close()
            return None
        return connection.close

    # Main agents and sub agents

    def _kill_agent(self, host: ChaosHost) -> Undo | None:
        if host.agent is None:
            return None
        host.agent.kill()
        return lambda: self._site.start_agent(host)

    def _freeze_agent(self, host: ChaosHost) -> Undo | None:
        return None if host.agent is None or not host.agent.is_alive() else _frozen(host.agent.pid)

    def _kill_sub_agent(self, host: ChaosHost) -> Undo | None:
        scripts = host.scripts()
        if not scripts:
            return None
        os.kill(self._random.choice(scripts)[1], signal.SIGKILL)
        return lambda: None

    def _freeze_sub_agent(self, host: ChaosHost) -> Undo | None:
        scripts = host.scripts()
        return _frozen(self._random.choice(scripts)[1]) if scripts else None

    # The network

    def _cut(self, host: ChaosHost) -> Undo:
        if host.net is not None:
            host.net.cut()
            return host.net.heal
        host.proxy.cut()
        return host.proxy.heal

    def _one_way(self, host: ChaosHost) -> Undo:
        host.proxy.cut(replies_only=True)
        return host.proxy.heal

    def _spoil(self, host: ChaosHost) -> Undo:
        fault, share = self._random.choice(SPOILT)
        rule = host.proxy.fail(fault, path="/agent/v1/", share=share)
        self._report.note("spoilt", host=host.name, how=rule.name, share=share)
        return host.proxy.clear

    def _slow(self, host: ChaosHost) -> Undo:
        if host.net is not None and not cannot_slow_down():
            host.net.slow_down("100kbit")
            return host.net.heal

        def fast_again() -> None:
            host.proxy.uplink = None

        host.proxy.uplink = 12_500
        return fast_again

    # Disks

    def _fill_disk(self, host: ChaosHost) -> Undo | None:
        if not host.has_small_disk:
            return None
        filler = host.state_dir / "filler"
        with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
            for block in _zeros():
                file.write(block)
        return lambda: Path(filler).unlink(missing_ok=True)


def _zeros() -> Iterator[bytes]:
    for _ in range(4096):
        yield bytes(65536)


def _frozen(pid: int) -> Undo | None:
    """SIGSTOP now, SIGCONT at the end; whoever ended meanwhile is left alone."""
    try:
        os.kill(pid, signal.SIGSTOP)
    except ProcessLookupError:
        return None

    def thaw() -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)

    return thaw
