"""Run as a program: makes hosts in a data folder, each with one running task, by the product's own verbs; no server
runs meanwhile. Prints a JSON line for each: what its main agent would have kept on disk.

Nothing is written past the verbs. All of it is one transaction, which is what makes a thousand of them cheap.
"""

import json
import os
import sys
from collections.abc import Iterator
from typing import Any

import django

RESOURCES: dict[str, Any] = {"cpu_cores": 2, "memory_mib": 4096, "gpu_state": "absent", "gpus": []}


def main(count: int) -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "scheduler_site.settings"
    django.setup()
    from django.db import transaction

    with transaction.atomic():
        hosts = list(_hosts(count))
        _submit(count)
        _place_all()
        lines = [_with_task(host) for host in hosts]
    sys.stdout.writelines(json.dumps(line) + "\n" for line in lines)


def _hosts(count: int) -> Iterator[dict[str, Any]]:
    """Enrolled, with a first session."""
    from agents.enrolment import create_token, register
    from agents.readings import Resources
    from agents.sessions import SessionFacts, open_session

    token, _ = create_token("fleet", uses=count)
    for number in range(count):
        name, machine_id = f"fleet-{number:04}", f"machine-{number}"
        registered = register(token, name=name, hostname=name, machine_id=machine_id, agent_version="1")
        assert registered is not None
        agent, secret = registered
        facts = SessionFacts("boot", "first", machine_id, "1", host={"hostname": name})
        open_session(agent, facts, Resources(**{**RESOURCES, "gpus": ()}))
        yield {"number": number, "agent_id": str(agent.pk), "secret": secret}


def _submit(count: int) -> None:
    """That a host could run them is not asked: it would load all hosts for each."""
    from scheduler_site.access.owner import owner
    from scheduler_site.shared.actors import Actor
    from tasks import submission

    user = owner()
    for number in range(count):
        wanted = {"name": f"storm {number}", "script_content": "true\n", "cpu_cores": 2, "wait_for_host": True}
        submission.submit(wanted, actor=Actor.user(user), user=user)


def _place_all() -> None:
    from tasks.models import Task
    from tasks.scheduling.run import run_pass

    while Task.objects.filter(status="waiting", current_fence=None).exists():
        run_pass()


def _with_task(host: dict[str, Any]) -> dict[str, Any]:
    """Its only sub agent is claimed and has started."""
    from scheduler_site.shared.actors import Actor
    from tasks import grants, lifecycle
    from tasks.models import SubAgent

    sub_agent = SubAgent.objects.select_related("task", "agent", "allocation").get(agent_id=host["agent_id"])
    lifecycle.claim(sub_agent, f"nonce-of-{sub_agent.pk}")
    lifecycle.start(sub_agent, pid=7, actor=Actor.agent(sub_agent.agent.name))
    return {**host, "grant": grants.grant(sub_agent)}


if __name__ == "__main__":
    main(int(sys.argv[1]))
