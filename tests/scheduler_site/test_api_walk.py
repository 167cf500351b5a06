"""Every address under /api/: refuses strangers, changes nothing by GET, is described, and answers in JSON."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core import serializers
from django.core.management import call_command
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from agents.models import Agent
from scheduler_site.access.tokens import create_token, revoke_token
from tasks.models import SubAgent, Task, TaskEvent
from templates_app.models import ScriptTemplate
from tests.factories import make_agent, make_task, make_template, make_user
from tests.rest import post, rest

pytestmark = pytest.mark.django_db

METHODS = ("get", "head", "post", "put", "patch", "delete")
READS = ("get", "head", "options")


def routes(patterns: list[Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for pattern in patterns:
        whole = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, whole)
        elif isinstance(pattern, URLPattern):
            yield whole, pattern.callback


def address(route: str, task_id: int = 1, agent_id: str = "00000000-0000-0000-0000-000000000001") -> str:
    """A path that the route matches."""
    filled = re.sub(r"<uuid:\w+>", agent_id, route)
    filled = re.sub(r"<str:\w+>", "fast", filled)
    filled = re.sub(r"\(\?P<pk>\[0-9\]\{1,18\}\)", str(task_id), filled)
    filled = re.sub(r"\(\?P<rest>\[\\s\\S\][*+]\)", "nothing/here", filled)
    return "/" + filled.replace("^", "").replace("$", "").replace("\\Z", "").replace("//", "/")


ROUTES = [(route, view) for route, view in routes(get_resolver().url_patterns) if route.startswith("api/")]
ADDRESSES = sorted({address(route) for route, _ in ROUTES})


def test_the_walk_finds_the_api_and_fills_every_route() -> None:
    assert len(ADDRESSES) > 20
    assert {"/api/tasks/", "/api/tasks/1/log", "/api/schema/", "/api/docs/", "/api/nothing/here"} <= set(ADDRESSES)
    assert not [path for path in ADDRESSES if set(path) & set("<>()[]^$\\?")]


@pytest.mark.parametrize("path", ADDRESSES)
@pytest.mark.parametrize("method", METHODS)
def test_strangers_are_refused(path: str, method: str) -> None:
    response = getattr(Client(), method)(path)
    assert response.status_code == 401
    assert response["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("header", ["Bearer nonsense", "Bearer ", "Agent a:b", "SubAgent a:b", "Basic YTpi", "Token x"])
def test_wrong_credentials_are_refused(header: str) -> None:
    assert Client(headers={"Authorization": header}).get("/api/tasks/").status_code == 401


def test_tokens_open_the_door_until_revoked() -> None:
    row, plain = create_token(make_user(), "laptop")
    client = Client(headers={"Authorization": f"Bearer {plain}"}, enforce_csrf_checks=True)
    assert post(client, "/api/tasks/", {"name": "x", "script_content": "true"}).status_code == 201
    revoke_token(row)
    assert client.get("/api/tasks/").status_code == 401


@pytest.mark.parametrize("path", [path for path in ADDRESSES if "docs" not in path and "schema" not in path])
def test_sessions_need_the_csrf_token_to_change_anything(path: str) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(make_user(is_staff=True))
    for method in ("post", "put", "patch", "delete"):
        response = getattr(client, method)(path, {}, content_type="application/json")
        assert response.status_code == 403, method
        assert "CSRF" in response.json()["detail"]


def dump() -> str:
    models = (Agent, SubAgent, Task, TaskEvent, ScriptTemplate)
    return "".join(serializers.serialize("json", model.objects.all()) for model in models)


@pytest.mark.parametrize("method", READS)
def test_reading_changes_nothing_and_never_fails(method: str) -> None:
    agent = make_agent(gpus=1)
    task = make_task("running", agent=agent)
    make_template()
    before = dump()
    make_user("root", is_staff=True, is_superuser=True)
    client = rest("root", is_staff=True)
    for route, _ in ROUTES:
        query = {"id": task.pk} if route == "api/tasks/wait/" else {}  # which needs one
        response = getattr(client, method)(address(route, task.pk, str(agent.pk)), query_params=query)
        assert response.status_code in (200, 404, 405), route
    assert dump() == before


@pytest.mark.parametrize(
    "path", ["/api/", "/api/taks/", "/api/tasks", "/api/tasks/abc/", "/api/agents/1/", "/api/tasks/%0A%88/"]
)
def test_wrong_addresses_are_told_in_json(path: str) -> None:
    for method in ("get", "post"):
        response = getattr(rest(), method)(path)
        assert response.status_code == 404
        assert "/api/docs/" in response.json()["detail"]


def test_the_schema_is_complete_and_without_warnings(tmp_path: Path) -> None:
    call_command("spectacular", "--fail-on-warn", "--validate", "--file", str(tmp_path / "schema.yml"))


def described() -> dict[str, Any]:
    body: dict[str, Any] = rest().get("/api/schema/?format=json").json()
    return body


def test_every_route_is_described() -> None:
    paths = described()["paths"]
    left_out = {"/api/schema/", "/api/docs/", "/api/nothing/here"}
    known = {path.replace("{id}", "1").replace("{name}", "fast") for path in paths}
    known |= {path.replace("{id}", "00000000-0000-0000-0000-000000000001") for path in paths}
    assert set(ADDRESSES) - left_out <= known
    assert all(path.startswith("/api/") for path in paths)


def test_every_call_has_an_own_name_and_a_sentence() -> None:
    calls = [call for path in described()["paths"].values() for call in path.values()]
    names = [call["operationId"] for call in calls]
    assert len(set(names)) == len(names)
    assert [call["operationId"] for call in calls if not call.get("description")] == []


def test_the_page_to_try_it_loads_only_from_here() -> None:
    client = rest()
    page = client.get("/api/docs/")
    text = page.content.decode()
    sources = re.findall(r"(?:src|href)=\"([^\"]+)\"", text)
    assert sources
    assert not [source for source in sources if not source.startswith("/")]
    assert not re.search(r"<script>", text)
    assert any(name.startswith("nightshift_csrf") for name in page.cookies)
    script = client.get("/api/docs/?script=")
    assert "/api/schema/" in script.content.decode()
    assert "https://" not in script.content.decode()
