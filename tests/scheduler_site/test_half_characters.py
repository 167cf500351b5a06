"""Half of a surrogate pair, which JSON can spell and UTF-8 cannot, in every field that REST takes: never a fault."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tasks.task_fields import CHECKS
from tests.factories import make_agent, make_task
from tests.rest import rest

pytestmark = pytest.mark.django_db
HALF = "\ud800"
SHAPES: list[Any] = [HALF, [HALF], {HALF: 1}, {"a": HALF}, [{"id": HALF}], [{HALF: 1}], [{"id": 1, "kind": HALF}]]
TASK = {"name": "n", "script_content": "true"}


def calls() -> Iterator[tuple[str, str, list[str], dict[str, Any]]]:
    host, task = make_agent("host"), make_task()
    yield "POST", "/api/tasks/", [*CHECKS, "depends_on", "template", HALF], TASK
    yield "PATCH", f"/api/tasks/{task.pk}/", [*CHECKS, "depends_on", HALF], {}
    yield "POST", f"/api/tasks/{task.pk}/cancel/", ["reason", "kill_now", HALF], {}
    yield "POST", f"/api/tasks/{task.pk}/hold/", ["reason", HALF], {}
    yield "POST", "/api/templates/", ["name", "description", "script_content", "priority", HALF], TASK
    yield "POST", "/api/reservations/", ["name", "hosts", "pool", "requires", "gpu_types", "until", HALF], {}
    yield "PATCH", "/api/placement/", ["policy", "ageing_hours", HALF], {}
    yield "POST", f"/api/agents/{host.pk}/stop/", ["reason", "scripts", HALF], {}
    yield "POST", f"/api/agents/{host.pk}/release/", ["reason", "task", HALF], {}
    yield "POST", f"/api/agents/{host.pk}/pause/", ["reason", HALF], {}


def test_it_is_refused_in_every_field() -> None:
    client = rest("op", is_staff=True)
    for method, path, fields, rest_of_it in calls():
        for name in fields:
            for shape in SHAPES:
                body = json.dumps({**rest_of_it, name: shape})
                reply = client.generic(method, path, body, content_type="application/json")
                assert 400 <= reply.status_code < 500, (path, ascii(name), ascii(shape), reply.status_code)
                reply.json()


def test_the_sentence_spells_it_out() -> None:
    reply = rest().post("/api/tasks/", json.dumps({**TASK, "retry_on": [HALF]}), content_type="application/json")
    assert "\\ud800" in str(reply.json()["retry_on"]["0"][0])
