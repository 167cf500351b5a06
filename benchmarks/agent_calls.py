"""How much CPU does one call of an agent cost the server, by kind? Prints milliseconds.

`python -m benchmarks.agent_calls --hosts 200` makes that many hosts, each with a running task, in an SQLite file of its
own in a temporary folder, and lets the handler answer one call after the other. Needs no running server. Without the
event loop and the connection, which come on top.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from benchmarks.own_site import own_site

Host = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hosts", type=int, default=200)
    arguments = parser.parse_args()
    with own_site("agent-calls"):
        run(arguments.hosts)


def run(count: int) -> None:
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    made = subprocess.run(
        [sys.executable, "-m", "tests.chaos.fleet.prepare", str(count)], check=True, capture_output=True, text=True
    )
    hosts = [json.loads(line) for line in made.stdout.splitlines()]
    print("CPU of one call, ms:")  # noqa: T201
    for name, call in calls().items():
        call(hosts[0])
        began = time.process_time()
        for host in hosts[1:]:
            call(host)
        print(f"{name:16}{1000 * (time.process_time() - began) / (count - 1):6.1f}")  # noqa: T201


def calls() -> dict[str, Callable[[Host], None]]:
    """In this order: each finds what the one before has left."""
    from scheduler_site.onehop import OneHop
    from tests.chaos.fleet.agent import NOTHING, FleetAgent, SubAgent, Watch, finish

    handler, watch = OneHop(), Watch()

    def ask(method: str, path: str, credential: str, body: Any = None, query: bytes = b"") -> None:
        headers = [(b"host", b"127.0.0.1"), (b"authorization", credential.encode())]
        scope = {"type": "http", "method": method, "path": f"/agent/v1/{path}", "query_string": query}
        response = handler._answer({**scope, "headers": headers}, b"" if body is None else json.dumps(body).encode())
        if response.status_code != 200:
            raise RuntimeError(f"{path} was answered {response.status_code}")

    def main_agent(host: Host) -> str:
        return f"Agent {host['agent_id']}:{host['secret']}"

    def session(host: Host) -> None:
        agent = {name: host[name] for name in ("number", "agent_id", "secret")}
        simulated = FleetAgent(**agent, port=0, sub_agent=SubAgent(host["grant"], 0, watch), watch=watch)
        ask("POST", "session", main_agent(host), simulated._session())

    def report(host: Host, **parts: Any) -> None:
        grant = host["grant"]
        ids = {"sub_agent_id": grant["sub_agent_id"], "fence": grant["fence"], "token": grant["sub_agent_token"]}
        credential = f"SubAgent {grant['sub_agent_id']}:{grant['sub_agent_token']}"
        ask("POST", "report", credential, {"entries": [{**ids, **parts}]})

    closing = {"stream": "out", "size": 0, "sha256": NOTHING}
    return {
        "session": session,
        "wait": lambda host: ask("GET", "wait", main_agent(host), query=b"epoch=2"),
        "plain report": report,
        "result": lambda host: report(host, finish=finish(host["grant"]["sub_agent_id"])),
        "closing": lambda host: report(host, log_close=[closing]),
    }


if __name__ == "__main__":
    main()
