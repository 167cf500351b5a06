"""A world to play with: the real server code on a database, hosts on paper, a clock, a network that loses things."""

from collections.abc import Iterator
from contextlib import ExitStack
from unittest import mock

from django.db import transaction

from agents import administration, breaker, heartbeats, inventory_requests, liveness, pace, readings, supervision
from agents.enrolment import create_token
from agents.models import Agent
from agents.states import Standing
from scheduler_site.shared.actors import SYSTEM
from tasks import just_placed, recovery, steady
from tasks.agent_api import claims_ahead
from tasks.host_ends import leases
from tasks.models import Allocation, Task
from tasks.reporting import report_pace, usage
from tasks.scheduling.run import run_pass
from tests.machine.clock import Clock
from tests.machine.host import Folder, Host
from tests.machine.invariants import Invariants
from tests.machine.network import Call, Line, Network
from tests.machine.truth import Truth

CORES = (4, 2)


def cores_of(host: Host) -> int:
    """With all of them in place."""
    return CORES[int(host.name.removeprefix("host-"))]


CARD = {"index": 0, "uuid": "GPU-0", "name": "Card", "memory_mib": 1024}


class World:
    """To be closed: everything that happened in it is rolled back then."""

    def __init__(self, looks: int = 1) -> None:
        self._closing = ExitStack()
        self.clock = Clock()
        for module, name, replacement in self.clock.installed():
            self._closing.enter_context(mock.patch.object(module, name, replacement))
        self._closing.enter_context(mock.patch.object(recovery, "_last_turn", None))
        for name in ("note", "drop"):  # nothing is committed here
            self._closing.enter_context(mock.patch.object(just_placed, name, getattr(just_placed, f"_{name}")))
        self._closing.enter_context(transaction.atomic())
        self._closing.callback(transaction.set_rollback, True)
        self.forget_memory()
        self.truth = Truth()
        self.network = Network(watchers=[self.truth.saw], tick=self.clock.tick)
        self.invariants = Invariants(self.truth, every=looks)
        self.hosts = [self._new_host(f"host-{number}", cores) for number, cores in enumerate(CORES)]

    def close(self) -> None:
        self.forget_memory()
        self._closing.close()

    def _new_host(self, name: str, cores: int) -> Host:
        gpus = [CARD] if name == "host-0" else []
        resources = {"cpu_cores": cores, "memory_mib": 4096, "gpus": gpus, "gpu_state": "ready" if gpus else "absent"}
        _, token = create_token("machine")
        who = {"name": name, "hostname": name, "machine_id": name, "agent_version": "1", "proto": {"min": 1, "max": 1}}
        _, body = self.network.handled(Call("register", who, f"Enrolment {token}"))
        host = Host(name, body["agent_id"], body["agent_secret"], self.network, self.clock, self.truth, resources)
        host.start()
        self.turn(self._main(host), 2)
        return host

    # The server

    def forget_memory(self) -> None:
        """What a process that ends takes with it."""
        liveness._heard.clear()
        liveness._stamps.clear()
        liveness._amnesty_until = 0.0
        heartbeats._latest.clear()
        readings._fresh.clear()
        readings._latest.clear()
        readings._written.clear()
        usage._fresh.clear()
        usage._being_written.clear()
        inventory_requests._asked_at.clear()
        just_placed._placed.clear()
        claims_ahead._latest.clear()
        breaker._lapses.clear()
        breaker._open_since = breaker._heard_at = None
        for callers in (pace.beats, report_pace.reports):
            callers.expect(0)
        leases._written.clear()
        leases._seen.clear()
        steady._jumps.clear()
        steady._last = None
        recovery._last_turn = recovery._drains_looked_at = None

    def restart_server(self) -> None:
        self.forget_memory()
        supervision.after_restart()
        report_pace.after_restart()

    def schedule(self) -> None:
        while not run_pass():
            pass
        self.truth.wrong += self.invariants.placed()

    def pass_time(self, seconds: float) -> None:
        """What was heard is written soon. Hosts look at their leases all the while, with or without the server."""
        usage.flush()
        self.clock.seconds += seconds
        for host in self.hosts:
            host.fence()

    def reap(self) -> None:
        """A turn of a reaper that has made all turns before."""
        recovery._last_turn = self.clock()
        recovery.reaper_turn()

    def agent(self, host: Host) -> Agent:
        return Agent.objects.get(pk=host.agent_id)

    # Hosts

    def _main(self, host: Host) -> Line:
        assert host.main is not None
        return host.main

    def turn(self, line: Line, exchanges: int = 1) -> None:
        """Let a thread do so much with a network that works, unless its host is cut off."""
        for _ in range(exchanges):
            if line.is_over:
                return
            if line.waits_for is None:
                self.network.resume(line)
            if line.waits_for is None or line.host in self.network.cut_off:
                return
            letter = line.waits_for
            while letter in self.network.bag:
                self.network.deliver(letter)

    def running(self) -> list[tuple[Host, Folder]]:
        return [(host, folder) for host in self.hosts for folder in host.folders.values() if folder.runs]

    def with_process(self) -> list[tuple[Host, Folder]]:
        return [(host, folder) for host in self.hosts for folder in host.folders.values() if folder.line is not None]

    # The end

    def drain(self, rounds: int = 120) -> Iterator[str]:
        """Everything heals, every script ends, everybody does their work: nothing may be left open."""
        self.network.cut_off.clear()
        for host in self.hosts:
            host.resources = {**host.resources, "cpu_cores": cores_of(host)}
            if self.agent(host).standing == Standing.PAUSED:
                administration.resume(self.agent(host), actor=SYSTEM)
        for _ in range(rounds):
            self._round()
            wrong = self.invariants.check()
            if wrong:
                yield from wrong
                return
            if not any(self._left_open()):
                break
        yield from self.invariants.check(wholly=True)
        yield from self._left_open()

    def _round(self) -> None:
        for letter in list(self.network.bag):
            while letter in self.network.bag:
                self.network.deliver(letter)
        self.work()
        for host, folder in self.running():
            host.end_script(folder, "exit", 0)
        self.work()
        self.pass_time(5)
        self.reap()

    def work(self) -> None:
        """Everybody does what there is to do, and nothing gets lost."""
        self.schedule()
        for host in self.hosts:
            for line in host.lines():
                self.turn(line, 4)

    def _left_open(self) -> Iterator[str]:
        for task in Task.objects.filter(end_time__isnull=True):
            yield f"I13: #{task.pk} is still {task.status} (fence {task.current_fence}, not before {task.not_before})"
        for row in Allocation.objects.filter(released_at__isnull=True):
            yield f"I13: {row} is still held"
        for host in self.hosts:
            for folder in host.folders.values():
                yield f"I13: {host.name} still has sub agent {folder.sub_agent_id}, {folder.local_state}"
