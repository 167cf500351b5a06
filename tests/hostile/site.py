"""Fills a real server with the corpus: all that a person, a host or a script can say, through the front doors."""

import json
from pathlib import Path
from typing import Any

import requests

from tests.hostile.corpus import for_a_log, strings
from tests.running import Nightshift

CHUNK = 12


def sayable(text: str) -> str:
    """As JSON can carry it."""
    return text.encode("utf-8", "replace").decode()


def one_liner(text: str, longest: int) -> str:
    return "".join(character for character in sayable(text) if ord(character) >= 32)[:longest].strip()


def chunks() -> list[str]:
    texts = [sayable(text).replace("\0", "\\0") for text in strings()]
    return ["\n".join(texts[start : start + CHUNK]) for start in range(0, len(texts), CHUNK)]


def posted(nightshift: Nightshift, path: str, body: dict[str, Any]) -> dict[str, Any] | None:
    """The row made, or None where the API refused it, which is an answer too. A fault is none."""
    reply = nightshift.http.post(nightshift.url + path, json=body, timeout=30)
    assert reply.status_code < 500, (path, body, reply.text[:500])
    return reply.json() if reply.ok else None


def hostile_host(nightshift: Nightshift) -> None:
    """A main agent that lies about all it may say in words."""
    said = one_liner(strings()[0] + strings()[1], 120)
    who = {"name": said, "hostname": said, "agent_version": said[:40], "proto": {"min": 1, "max": 1}}
    token = {"Authorization": f"Enrolment {nightshift.site.enrolment_token}"}
    made = requests.post(f"{nightshift.url}/agent/v1/register", json=who, headers=token, timeout=30).json()
    secret = {"Authorization": f"Agent {made['agent_id']}:{made['agent_secret']}"}
    cards = [
        {"index": number, "uuid": one_liner(text, 80) or "u", "name": sayable(text)[:255], "memory_mib": 1024}
        for number, text in enumerate(strings()[:16])
    ]
    facts = dict.fromkeys(("hostname", "os", "python", "user", "zone", "tracking"), said)
    offer = {"cpu_cores": 2, "memory_mib": 1024, "gpu_state": "broken", "gpu_detail": chunks()[0]}
    session = {
        "boot_id": "b", "incarnation": "i", "agent_version": said[:40], "proto": {"min": 1, "max": 1},
        "inventory_complete": True, "sub_agents": [], "host": facts, "resources": {**offer, "gpus": cards},
    }  # fmt: skip
    reply = requests.post(f"{nightshift.url}/agent/v1/session", json=session, headers=secret, timeout=30)
    assert reply.status_code == 200, reply.text


def fill(nightshift: Nightshift, folder: Path) -> dict[str, list[int]]:
    """The ids of what was made, by kind."""
    made: dict[str, list[int]] = {"named": [], "detailed": [], "templates": [], "reservations": []}
    hostile_host(nightshift)
    for text in strings():
        asked = {"name": one_liner(text, 200), "script_content": "true", "gpu_count": 64, "wait_for_host": True}
        row = posted(nightshift, "/api/tasks/", asked)
        made["named"] += [row["id"]] if row else []
    for number, text in enumerate(chunks()):
        _fill_one_of_each(nightshift, number, text, made)
    made["ran"] = [_ran(nightshift, folder)]
    return made


def _fill_one_of_each(nightshift: Nightshift, number: int, text: str, made: dict[str, list[int]]) -> None:
    line = one_liner(text, 200)
    body = {
        "name": line, "description": text, "script_content": f"#{line}\n{text}", "template_type": line[:120],
        "environment": {"HOSTILE": text}, "metadata": {line: {"x": [text]}}, "working_directory": line,
        "zone": line[:120], "wait_for_host": True, "gpu_count": 64, "hosts": [line[:100]],
    }  # fmt: skip
    for left_out in ((), ("hosts",), ("hosts", "environment", "working_directory", "zone")):
        row = posted(nightshift, "/api/tasks/", {name: body[name] for name in body if name not in left_out})
        if row:
            made["detailed"].append(row["id"])
            posted(nightshift, f"/api/tasks/{row['id']}/cancel/", {"reason": line})
            break
    template = {"name": f"{number} {line[:110]}", "description": text, "script_content": text, "note": line}
    row = posted(nightshift, "/api/templates/", template)
    made["templates"] += [row["id"]] if row else []
    row = posted(nightshift, "/api/reservations/", {"name": line, "cpu_cores": 1, "duration_seconds": 3600})
    made["reservations"] += [row["id"]] if row else []


def _ran(nightshift: Nightshift, folder: Path) -> int:
    """A script that prints the corpus, leaves it as its result, and fails."""
    log, result = folder / "log", folder / "result.json"
    log.write_bytes(for_a_log())

    result.write_text(json.dumps({"x" + one_liner(text, 100): sayable(text)[:300] for text in strings()[:100]}))
    nightshift.start_agent({"cpu_cores": 64, "memory_mib": 65536}, name="honest")
    task = nightshift.submit(f"cat {log}; cp {result} $TASK_RESULT; cat {log} >&2; exit 3\n", name="prints the corpus")
    nightshift.wait_for(task)
    nightshift.wait_for_log(task)
    return task
