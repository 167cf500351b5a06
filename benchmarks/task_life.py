"""How much CPU does one task cost the server, step by step, and how many database queries? Prints a row for each step.

`python -m benchmarks.task_life --count 200` lets the handler answer what one client and one main agent ask in the life
of that many tasks, one after the other, in an SQLite file of its own. Needs no running server. Without the event loop
and the connection, which come on top. `--profile submit` prints where one step spends its time. `--short`: scripts so
short that each is one report of its main agent, which claims the next one with it.
"""

import argparse
import cProfile
import hashlib
import json
import pstats
import time
from collections.abc import Callable
from typing import Any

from benchmarks.own_site import own_site

Step = Callable[[], object]
NOTHING = hashlib.sha256().hexdigest()
RESOURCES: dict[str, Any] = {"cpu_cores": 2, "memory_mib": 4096, "gpu_state": "absent", "gpus": []}
PROFILED_LINES = 45


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--profile", default="", help="the step to be looked into")
    parser.add_argument("--short", action="store_true")
    arguments = parser.parse_args()
    with own_site("task-life"):
        run(arguments.count, arguments.profile, is_short=arguments.short)


def run(count: int, profiled: str, *, is_short: bool) -> None:
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    life = Life()
    steps = life.short_steps() if is_short else life.steps()
    used, queries, profile = dict.fromkeys(steps, 0.0), dict.fromkeys(steps, 0), cProfile.Profile()
    for number in range(count + 1):
        for name, step in steps.items():
            if name == profiled:
                step = _profiled(step, profile)
            seconds, asked = _measured(step)
            if number:  # the first warms up
                used[name] += seconds
                queries[name] += asked
    for name in steps:
        print(f"{name:20}{1000 * used[name] / count:7.2f} ms{queries[name] / count:7.1f} queries")  # noqa: T201
    print(f"{'together':20}{1000 * sum(used.values()) / count:7.2f} ms{sum(queries.values()) / count:7.1f}")  # noqa: T201
    if profiled:
        pstats.Stats(profile).sort_stats("cumulative").print_stats(PROFILED_LINES)


def _profiled(step: Step, profile: cProfile.Profile) -> Step:
    def watched() -> None:
        profile.enable()
        step()
        profile.disable()

    return watched


def _measured(step: Step) -> tuple[float, int]:
    """CPU seconds, and how many statements the database was given."""
    from django.db import connection

    asked: list[str] = []
    connection.ensure_connection()
    connection.connection.set_trace_callback(asked.append)
    began = time.process_time()
    step()
    used = time.process_time() - began
    connection.connection.set_trace_callback(None)
    return used, len(asked)


class Life:
    """One client and one main agent, as far as the server sees them."""

    def __init__(self) -> None:
        from agents.enrolment import create_token
        from scheduler_site.access import tokens
        from scheduler_site.access.owner import owner
        from scheduler_site.onehop import OneHop
        from tasks.scheduling.explaining import recent

        recent.keep(True)
        self._handler = OneHop()
        self._client = f"Bearer {tokens.create_token(owner(), 'benchmark')[1]}"
        facts = {"name": "bench", "hostname": "bench", "machine_id": "m", "agent_version": "1"}
        known = self._ask(f"Enrolment {create_token('bench')[1]}", "register", {**facts, "proto": {"min": 1, "max": 1}})
        self._agent = f"Agent {known['agent_id']}:{known['agent_secret']}"
        session = self._ask(self._agent, "session", _session())
        self._epoch, self._generation = session["epoch"], session["generation"]
        self._seq = 0
        self._assignment: dict[str, Any] = {}
        self._grant: dict[str, Any] = {}

    def steps(self) -> dict[str, Step]:
        """In the order of a task's life: each finds what the one before has left."""
        from tasks.scheduling.rows.kept_fleet import KeptFleet
        from tasks.scheduling.run import run_pass

        kept = KeptFleet()
        return {
            "submit": self._submit,
            "pass that places": lambda: run_pass(kept),
            "beat that assigns": self._beat,
            "claim": self._claim,
            "report of start": lambda: self._report(started={"pid": 7}),
            "report of result": lambda: self._report(finish=_finish(self._grant["sub_agent_id"])),
            "report of closing": lambda: self._report(log_close=[{"stream": "out", "size": 0, "sha256": NOTHING}]),
            "pass of nothing": lambda: run_pass(kept),
            "beat of nothing": self._beat_once,
        }

    def short_steps(self) -> dict[str, Step]:
        """Two tasks wait at the beginning; one runs on."""
        from tasks.scheduling.run import run_pass

        self._submit()
        run_pass()
        self._beat()
        self._claim()
        return {"submit": self._submit, "report and the next": self._report_all}

    def _report_all(self) -> None:
        from tasks.commit_seq import commit_seq
        from tasks.scheduling import run

        now = time.monotonic()
        run._turns.over(now, now)  # as if the loop had passed here
        self._seq += 1
        nonces = [f"0123456789abcdef-{self._seq}"]
        ahead = {"epoch": self._epoch, "seq": self._seq, "nonces": nonces, "commit_seq": commit_seq()}
        parts: dict[str, Any] = {"started": {"pid": 7}, "finish": _finish(self._grant["sub_agent_id"])}
        parts |= {"log_close": [{"stream": "out", "size": 0, "sha256": NOTHING}]}
        entry = {**self._ids(), **parts}
        reply = self._ask(
            self._agent, "report", {"entries": [entry], "claims_ahead": {**ahead, "generation": self._generation}}
        )
        _done(reply["replies"][0]["code"] == "ok")
        self._grant = reply["granted"][0]["grant"]

    def _submit(self) -> None:
        body = {"name": "peers", "script_content": "true\n", "cpu_cores": 1}
        self._call("POST", "/api/tasks/", self._client, body)

    def _beat(self) -> None:
        (self._assignment,) = self._beat_once()["assignments"]

    def _beat_once(self) -> Any:
        self._seq += 1
        beat = {"epoch": self._epoch, "seq": self._seq, "resources": RESOURCES, "accepts_work": True}
        return self._ask(self._agent, "heartbeat", beat)

    def _claim(self) -> None:
        body = {"epoch": self._epoch, "fence": self._assignment["fence"], "nonce": "0123456789abcdef", "fences": True}
        self._grant = self._ask(self._agent, f"sub-agents/{self._assignment['sub_agent_id']}/claim", body)

    def _ids(self) -> dict[str, Any]:
        grant = self._grant
        return {"sub_agent_id": grant["sub_agent_id"], "fence": grant["fence"], "token": grant["sub_agent_token"]}

    def _report(self, **parts: Any) -> None:
        grant, ids = self._grant, self._ids()
        credential = f"SubAgent {grant['sub_agent_id']}:{grant['sub_agent_token']}"
        (reply,) = self._ask(credential, "report", {"entries": [{**ids, **parts}]})["replies"]
        _done(reply["code"] == "ok")

    def _ask(self, credential: str, call: str, body: Any) -> Any:
        return self._call("POST", f"/agent/v1/{call}", credential, body)

    def _call(self, method: str, path: str, credential: str, body: Any) -> Any:
        sent = json.dumps(body).encode()
        headers = {"host": "127.0.0.1", "authorization": credential, "content-type": "application/json"}
        headers["content-length"] = str(len(sent))
        scope = {"type": "http", "method": method, "path": path, "query_string": b""}
        scope["headers"] = [(name.encode(), value.encode()) for name, value in headers.items()]
        response: Any = self._handler._answer(scope, sent)
        if response.status_code not in (200, 201):
            raise RuntimeError(f"{path} was answered {response.status_code}: {response.content!r}")
        return json.loads(response.content)


def _done(value: Any) -> None:
    if not value:
        raise RuntimeError("A step of the benchmark found nothing to do.")


def _session() -> dict[str, Any]:
    return {
        "boot_id": "boot",
        "incarnation": "first",
        "machine_id": "m",
        "agent_version": "1",
        "proto": {"min": 1, "max": 1},
        "host": {"hostname": "bench"},
        "inventory_complete": True,
        "sub_agents": [],
        "resources": RESOURCES,
    }


def _finish(digest: str) -> dict[str, Any]:
    return {"reason": "exit", "exit_code": 0, "digest": digest, "sizes": {"out": 0}, "duration_seconds": 0.01}


if __name__ == "__main__":
    main()
