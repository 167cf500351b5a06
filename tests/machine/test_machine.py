"""Random lives of a whole site: users, operators, hosts and a network that loses, doubles and reorders everything.

After every step the invariants must hold, and at the end, once all is healed, nothing may be left open. The small
profile runs in `make test`; MACHINE_PROFILE=long is what `make chaos` uses (MACHINE_SEED, MACHINE_EXAMPLES change it).
A failure prints the steps that lead to it; MACHINE_SHRINK=1 looks for fewer, which takes minutes.
"""

import contextlib
import os
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from agents import administration
from agents.states import Standing
from scheduler_site.shared.actors import SYSTEM
from scheduler_site.shared.errors import DomainError
from tasks import lifecycle
from tasks.models import Task
from tasks.submission import submit
from tests.machine.network import Call
from tests.machine.world import World, cores_of

SHRINKS = os.environ.get("MACHINE_SHRINK") == "1"
IS_LONG = os.environ.get("MACHINE_PROFILE") == "long"
SEED = int(os.environ.get("MACHINE_SEED", "20260105"))
EXAMPLES = int(os.environ.get("MACHINE_EXAMPLES", "2000" if IS_LONG else "8"))
STEPS = 120 if IS_LONG else 40
LOOKS = 1 if IS_LONG else 8
ANY = st.integers(0, 1_000_000)
KINDS = st.sampled_from(["afterok", "afterok", "afterany", "afternotok"])
SECONDS = st.sampled_from([1, 3, 10, 20, 40, 100, 26 * 3600])


class Site(RuleBasedStateMachine):
    @initialize(cores=st.lists(st.sampled_from([1, 2]), max_size=4), retries=st.sampled_from([0, 2]))
    def begin(self, cores: list[int], retries: int) -> None:
        self.world = World(LOOKS)
        for number in cores:
            fields = {"name": "t", "script_content": "true\n", "cpu_cores": number, "retries": retries}
            submit(fields, actor=SYSTEM)

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        try:
            wrong = list(self.world.drain())
            assert not wrong, wrong
        finally:
            self.world.close()

    @invariant()
    def promises_hold(self) -> None:
        if hasattr(self, "world"):
            wrong = self.world.invariants.check()
            assert not wrong, wrong
            self.world.clock.tick()

    # Users

    @rule(
        cores=st.sampled_from([1, 1, 2, 3]),
        gpus=st.sampled_from([0, 0, 0, 1]),
        retries=st.sampled_from([0, 0, 1, 2]),
        priority=st.integers(1, 5),
        after=st.none() | ANY,
        kind=KINDS,
        loss=st.sampled_from(["keep", "keep", "failover"]),
    )
    def submit(
        self, cores: int, gpus: int, retries: int, priority: int, after: int | None, kind: str, loss: str
    ) -> None:
        others = [] if after is None else self._tasks()
        fields: dict[str, Any] = {"cpu_cores": cores, "gpu_count": gpus, "retries": retries, "priority": priority}
        fields["on_host_loss"] = loss
        if others:
            fields["depends_on"] = [{"id": picked(others, after or 0).pk, "kind": kind}]
        self._domain(lambda: submit({"name": "t", "script_content": "true\n", **fields}, actor=SYSTEM))

    @precondition(lambda self: self._tasks())
    @rule(which=ANY, now=st.booleans())
    def cancel(self, which: int, now: bool) -> None:
        task = picked(self._tasks(), which)
        self._domain(lambda: lifecycle.cancel(task.pk, actor=SYSTEM, kill_now=now))
        task.refresh_from_db()
        if task.status == "canceled" and not self.world.truth.running[task.pk]:
            self.world.truth.canceled_unclaimed.add(task.pk)

    @precondition(lambda self: self._tasks())
    @rule(which=ANY)
    def cancel_by_force(self, which: int) -> None:
        """Whoever runs it may run on: nobody else may run it, and what it holds stays held."""
        task = picked(self._tasks(), which)
        self._domain(lambda: lifecycle.cancel(task.pk, actor=SYSTEM, force=True))

    @precondition(lambda self: len(self._tasks()) > 1)
    @rule(which=ANY, on=ANY, kind=KINDS)
    def depend_on_an_earlier_one(self, which: int, on: int, kind: str) -> None:
        tasks = self._tasks()
        task = picked(tasks[1:], which)
        other = picked([row for row in tasks if row.pk < task.pk], on)
        if not other.is_final:
            self._domain(lambda: lifecycle.depend_on(task.pk, [(other, kind)], actor=SYSTEM))

    # Everybody

    @rule()
    def a_quiet_moment(self) -> None:
        self.world.work()

    @rule(seconds=st.integers(1, 5))
    def another_quiet_moment(self, seconds: int) -> None:
        self.world.pass_time(seconds)
        self.world.work()
        self.world.reap()

    # The server

    @rule()
    def schedule(self) -> None:
        self.world.schedule()

    @rule()
    def reap(self) -> None:
        self.world.reap()

    @rule(seconds=SECONDS)
    def time_passes(self, seconds: int) -> None:
        """In which the reaper makes its turns and no host is heard."""
        self.world.pass_time(seconds)
        self.world.reap()

    @rule()
    def the_server_restarts(self) -> None:
        self.world.restart_server()

    # Operators

    @rule(which=ANY)
    def pause_or_resume(self, which: int) -> None:
        agent = self.world.agent(picked(self.world.hosts, which))
        change = administration.resume if agent.standing == Standing.PAUSED else administration.pause
        change(agent, actor=SYSTEM)

    @rule(which=ANY, cores=st.sampled_from([1, 2, None]))
    def capacity_changes(self, which: int, cores: int | None) -> None:
        host = picked(self.world.hosts, which)
        host.resources = {**host.resources, "cpu_cores": cores or cores_of(host)}

    # Hosts

    @rule(which=ANY, exchanges=st.integers(1, 5))
    def main_agent_works(self, which: int, exchanges: int) -> None:
        host = picked(self.world.hosts, which)
        self.world.turn(host.lines()[0], exchanges)

    @rule(which=ANY, exchanges=st.integers(1, 4))
    def any_agent_works(self, which: int, exchanges: int) -> None:
        lines = [line for host in self.world.hosts for line in host.lines()]
        self.world.turn(picked(lines, which), exchanges)

    @rule(which=ANY)
    def any_agent_speaks(self, which: int) -> None:
        """Its next call lies in the bag afterwards."""
        silent = [line for host in self.world.hosts for line in host.lines() if line.waits_for is None]
        if silent:
            self.world.network.resume(picked(silent, which))

    @precondition(lambda self: self.world.running())
    @rule(which=ANY, code=st.sampled_from([0, 0, 1, 7]))
    def a_script_ends(self, which: int, code: int) -> None:
        host, folder = picked(self.world.running(), which)
        host.end_script(folder, "exit", code)

    @precondition(lambda self: any(folder.stop for _, folder in self.world.running()))
    @rule(which=ANY)
    def a_script_obeys(self, which: int) -> None:
        host, folder = picked([pair for pair in self.world.running() if pair[1].stop], which)
        reason = "timeout" if (folder.stop or {}).get("reason") == "timeout" else "cancel"
        host.end_script(folder, reason, None)

    @precondition(lambda self: self.world.with_process())
    @rule(which=ANY)
    def a_sub_agent_dies(self, which: int) -> None:
        host, folder = picked(self.world.with_process(), which)
        host.crash_sub_agent(folder)

    @rule(which=ANY)
    def a_main_agent_dies(self, which: int) -> None:
        picked(self.world.hosts, which).crash_agent()

    @rule(which=ANY)
    def a_host_reboots(self, which: int) -> None:
        picked(self.world.hosts, which).reboot()

    @precondition(lambda self: any(folder.grant for _, folder in self.world.with_process()))
    @rule(which=ANY)
    def somebody_else_claims(self, which: int) -> None:
        """Such as a copy of the host: what was granted to one is granted to nobody else."""
        host, folder = picked([pair for pair in self.world.with_process() if pair[1].grant], which)
        epoch = self.world.agent(host).epoch
        body = {"epoch": epoch, "fence": folder.assignment["fence"], "nonce": "nonce-of-somebody-else"}
        self.world.network.handled(Call(f"sub-agents/{folder.sub_agent_id}/claim", body, host.credential))

    # The network

    @precondition(lambda self: self.world.network.reachable())
    @rule(which=ANY)
    def deliver_any(self, which: int) -> None:
        self.world.network.deliver(picked(self.world.network.reachable(), which))

    @precondition(lambda self: self.world.network.bag)
    @rule(which=ANY)
    def duplicate_any(self, which: int) -> None:
        self.world.network.duplicate(picked(self.world.network.bag, which))

    @precondition(lambda self: self.world.network.bag)
    @rule(which=ANY)
    def lose_any(self, which: int) -> None:
        self.world.network.lose(picked(self.world.network.bag, which))

    @precondition(lambda self: self.world.network.bag)
    @rule(which=ANY)
    def whoever_waits_gives_up(self, which: int) -> None:
        self.world.network.give_up(picked(self.world.network.bag, which))

    @rule(which=ANY)
    def cut_off_or_heal(self, which: int) -> None:
        self.world.network.cut_off ^= {picked(self.world.hosts, which).name}

    def _tasks(self) -> list[Task]:
        return list(Task.objects.order_by("pk")) if hasattr(self, "world") else []

    def _domain(self, verb: Any) -> None:
        """A refusal is a fine answer."""
        with contextlib.suppress(DomainError):
            verb()


def picked(values: list[Any], which: int) -> Any:
    return values[which % len(values)]


@pytest.mark.django_db
@pytest.mark.timeout(0)
def test_any_life_of_a_site_keeps_the_promises() -> None:
    print(f"machine: seed {SEED}, {EXAMPLES} lives of {STEPS} steps")  # noqa: T201
    chosen = settings(
        max_examples=EXAMPLES,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, *([Phase.shrink] if SHRINKS else [])),
    )
    from hypothesis.stateful import run_state_machine_as_test

    run_state_machine_as_test(seed(SEED)(Site), settings=chosen)
