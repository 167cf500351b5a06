"""Whatever JSON is sent, the answer is a task or a named error, never a fault."""

import json
from typing import Any

import pytest
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents.models import CountedResource, Pool
from tasks.api.task_request import CancelRequest, TaskCreateRequest
from tests.examples import examples
from tests.factories import make_agent, make_task, make_user
from tests.rest import rest

pytestmark = pytest.mark.django_db

TEXTS = st.text(st.characters(), max_size=20) | st.sampled_from(["\0", "\ud800", "/", "~", "3", "afterok", "a" * 300])
NUMBERS = st.integers() | st.integers(0, 6) | st.floats(allow_nan=False, allow_infinity=False) | st.just(10**400)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(TEXTS | st.sampled_from(["id", "kind"]), inner, max_size=3)
    ),
    max_leaves=6,
)
GOOD = {"name": "x", "script_content": "true"}
EXPRESSIONS = st.text("abc &|!()~*+-._ andor not", max_size=12) | TEXTS
PLACEMENT = st.fixed_dictionaries(
    {},
    optional={
        "gpu_count": st.integers(0, 3),
        "gpu_types": st.lists(st.sampled_from(["a100", "A 100", "--", ""]) | TEXTS, max_size=3),
        "resources": st.dictionaries(st.sampled_from(["matlab", "licence", "M", ""]) | TEXTS, NUMBERS, max_size=2),
        "node_count": st.integers(-1, 3),
        "hosts": st.lists(st.sampled_from(["gpu-1", "gpu-2"]) | TEXTS, max_size=3),
        "exclude_hosts": st.lists(st.sampled_from(["gpu-1", "gpu-2"]) | TEXTS, max_size=3),
        "pool": st.sampled_from(["", "big", "none"]),
        "requires": EXPRESSIONS,
        "prefers": st.lists(EXPRESSIONS, max_size=2),
        "reservation": NUMBERS,
        "whole_host": st.booleans(),
        "wait_for_host": st.booleans(),
    },
)


def bodies(serializer: Any) -> st.SearchStrategy[dict[str, Any]]:
    names = st.sampled_from(sorted(serializer().fields)) | TEXTS
    return st.dictionaries(names, VALUES, max_size=4)


def fuzzed(count: int) -> settings:
    """One signed-in client serves all examples."""
    return settings(
        deadline=None, max_examples=examples(count), suppress_health_check=[HealthCheck.function_scoped_fixture]
    )


@pytest.fixture
def client() -> Client:
    return rest()


def sent(client: Client, path: str, body: Any) -> Any:
    response = client.post(path, json.dumps(body), content_type="application/json")
    assert response.status_code < 500
    response.content.decode()
    return response


@fuzzed(40)
@given(change=bodies(TaskCreateRequest))
def test_create_never_fails(client: Client, change: dict[str, Any]) -> None:
    response = sent(client, "/api/tasks/", {**GOOD, **change})
    assert response.status_code in (201, 400)
    if response.status_code == 400:
        assert set(response.json()) - {"code", "detail"}
        return
    path = f"/api/tasks/{response.json()['id']}/"
    assert client.get(path).json() == response.json()


@fuzzed(60)
@given(change=PLACEMENT)
def test_placement_never_fails(client: Client, change: dict[str, Any]) -> None:
    response = sent(client, "/api/tasks/", {**GOOD, **change})
    assert response.status_code in (201, 400)
    if response.status_code == 400:
        assert set(response.json()) & set(change)
        assert sent(client, "/api/tasks/", {**GOOD, "name": "still works"}).status_code == 201


@pytest.fixture
def client_of_a_site(client: Client) -> Client:
    agent = make_agent("gpu-1", gpus=2)
    Pool.objects.create(name="big").agents.add(agent)
    CountedResource.objects.create(agent=agent, name="matlab", total=2)
    CountedResource.objects.create(name="licence", total=2)
    return client


@fuzzed(60)
@given(change=PLACEMENT)
def test_placement_never_fails_where_hosts_are_known(client_of_a_site: Client, change: dict[str, Any]) -> None:
    response = sent(client_of_a_site, "/api/tasks/", {**GOOD, **change})
    assert response.status_code in (201, 400)
    assert response.status_code == 201 or set(response.json()) & set(change)


@fuzzed(30)
@given(change=bodies(TaskCreateRequest))
def test_change_never_fails(client: Client, change: dict[str, Any]) -> None:
    task = make_task(submitted_by=make_user())
    response = client.patch(f"/api/tasks/{task.pk}/", json.dumps(change), content_type="application/json")
    assert response.status_code in (200, 400)


@fuzzed(30)
@given(body=bodies(CancelRequest) | VALUES)
def test_cancel_never_fails(client: Client, body: Any) -> None:
    task = make_task(submitted_by=make_user())
    assert sent(client, f"/api/tasks/{task.pk}/cancel/", body).status_code in (200, 400)


@fuzzed(60)
@given(
    name=st.sampled_from(
        ["status", "id", "id_min", "name", "script", "agent", "created_after", "ordering", "page", "page_size"]
    ),
    value=TEXTS | NUMBERS.map(str),
)
def test_filters_never_fail(client: Client, name: str, value: str) -> None:
    response = client.get("/api/tasks/", {name: value.encode("utf-8", "surrogatepass")})
    assert response.status_code in (200, 400, 404)
