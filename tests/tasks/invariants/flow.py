"""A database in which much has happened: retries, voids, gangs, reservations, cancels, chains, output, cards. Made by
the product's own verbs and agents' endpoints."""

import hashlib
from typing import Any

from agents import administration
from agents.models import Agent
from scheduler_site.shared.actors import SYSTEM
from tasks import lifecycle
from tasks.models import SubAgent, Task
from tasks.reserving import reservations
from tasks.scheduling.run import run_pass
from tasks.states import SubAgentState
from tasks.submission import submit
from tests.factories import make_user
from tests.tasks.protocol import PaperHost, finish, piece
from tests.tasks.reservation_rows import granted

CARD = {"index": 0, "uuid": "GPU-1", "name": "A", "memory_mib": 24576}


def task(**fields: Any) -> Task:
    return submit({"name": "t", "script_content": "true\n", **fields}, actor=SYSTEM, user=make_user())


def run(host: PaperHost, exit_code: int = 0) -> dict[str, Any]:
    """Place what waits, and run the first that comes to this host to its end."""
    Task.objects.update(not_before=None)
    run_pass()
    grant = host.claim(host.beat()["assignments"][0])
    host.report(grant, started={"pid": 7}, output=[piece(b"hello\n")])
    host.report(grant, finish=finish(exit_code, size=6))
    host.report(grant, log_close=[{"stream": "out", "size": 6, "sha256": hashlib.sha256(b"hello\n").hexdigest()}])
    return grant


def rich() -> tuple[PaperHost, PaperHost]:
    """Two hosts; at the end something still runs, something waits and something is blocked."""
    hosts = PaperHost("host-1", gpus=[CARD]), PaperHost("host-2")
    first, _ = hosts
    retried = task(retries=1, hosts=["host-1"])
    task(depends_on=[retried.pk], hosts=["host-1"])
    hopeless = task(depends_on=[{"id": retried.pk, "kind": "afternotok"}])
    run(first, exit_code=1)
    run(first)
    run(first)
    hopeless.refresh_from_db()
    assert hopeless.status == "canceled"
    _voids(first)
    _gang(hosts)
    _reservation(first)
    _left_running(first)
    return hosts


def _voids(host: PaperHost) -> None:
    late = task(hosts=["host-1"])
    run_pass()
    lifecycle.give_back(SubAgent.objects.get(task=late), SubAgentState.REVOKED, "too late", actor=SYSTEM)
    run(host)
    canceled = task(hosts=["host-1"])
    run_pass()
    lifecycle.cancel(canceled.pk, actor=SYSTEM)
    agent = Agent.objects.get(name="host-1")
    administration.pause(agent, actor=SYSTEM)
    administration.resume(agent, actor=SYSTEM)


def _gang(hosts: tuple[PaperHost, PaperHost]) -> None:
    gang = task(node_count=2)
    run_pass()
    given = [(host, host.beat()["assignments"][0]) for host in hosts]
    for host, assignment in given:
        host.claim(assignment)
    for number, (host, assignment) in enumerate(given):
        grant = host.claim(assignment)
        host.report(grant, started={"pid": 7}, finish=finish(number))
    gang.refresh_from_db()
    assert gang.status == "failed"


def _reservation(host: PaperHost) -> None:
    row = granted(Agent.objects.get(name="host-1"), cpu_cores=2)
    task(reservation=row.pk)
    run(host)
    task(reservation=row.pk)
    run_pass()
    reservations.release(row.pk, actor=SYSTEM)
    host.report(host.claim(host.beat()["assignments"][0]), finish=finish())


def _left_running(host: PaperHost) -> None:
    running = task(hosts=["host-1"], gpu_count=1)
    run_pass()
    host.report(host.claim(host.beat()["assignments"][0]), started={"pid": 9}, output=[piece(b"so far\n")])
    task(depends_on=[running.pk])
    task(cpu_cores=64, wait_for_host=True)
