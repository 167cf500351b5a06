"""Templates over REST: create, edit into versions, archive, list; never delete."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from templates_app.models import ScriptTemplate
from tests.factories import make_template, make_user
from tests.rest import patch, post, rest

pytestmark = pytest.mark.django_db

GOOD = {"name": "train", "script_content": "python train.py\n"}
KEYS = {
    *("id", "name", "description", "script_content", "version", "priority", "cpu_cores", "memory_mib", "gpu_count"),
    *("gpu_memory", "time_limit_seconds", "is_archived", "created_at", "updated_at"),
}


def test_the_least_that_makes_a_template() -> None:
    response = post(rest(), "/api/templates/", GOOD)
    assert response.status_code == 201, response.content
    body = response.json()
    assert set(body) == KEYS
    assert (body["version"], body["priority"], body["cpu_cores"], body["is_archived"]) == (1, 3, 1, False)
    assert response["Location"] == f"/api/templates/{body['id']}/"


def test_every_field_comes_back() -> None:
    full = {
        **GOOD,
        "description": "d",
        "priority": 1,
        "cpu_cores": 2.5,
        "memory_mib": 100,
        "gpu_count": 1,
        "gpu_memory": 1024,
        "time_limit_seconds": 60,
    }
    body = post(rest(), "/api/templates/", {**full, "note": "first"}).json()
    assert {name: body[name] for name in full} == full
    versions = rest().get(f"/api/templates/{body['id']}/versions/").json()["results"]
    assert [(row["version"], row["note"], row["created_by"]) for row in versions] == [(1, "first", "ada")]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "taken"}, "name"),
        ({"name": "x" * 121}, "name"),
        ({"script_content": "  \n"}, "script_content"),
        ({"script_content": "é" * (1 << 20)}, "script_content"),
        ({"priority": 0}, "priority"),
        ({"cpu_cores": -1}, "cpu_cores"),
        ({"gpu_count": "1"}, "gpu_count"),
        ({"memory_mib": 10**20}, "memory_mib"),
        ({"version": 7}, "version"),
        ({"is_archived": True}, "is_archived"),
        ({"created_by": 1}, "created_by"),
    ],
)
def test_wrong_values_are_refused_by_field(change: dict[str, Any], field: str) -> None:
    make_template("taken")
    response = post(rest(), "/api/templates/", {**GOOD, **change})
    assert response.status_code == 400, response.content
    assert list(response.json()) == [field]
    assert ScriptTemplate.objects.count() == 1


def edited(template: ScriptTemplate, body: Any) -> Any:
    response = patch(rest(), f"/api/templates/{template.pk}/", body)
    assert response.status_code == 200, response.content
    return response.json()


def test_an_edit_makes_the_next_version_and_keeps_the_old() -> None:
    template = make_template("train", user=make_user())
    body = edited(template, {"script_content": "echo 2\n", "note": "better"})
    assert (body["version"], body["script_content"]) == (2, "echo 2\n")
    rows = rest().get(f"/api/templates/{template.pk}/versions/").json()["results"]
    assert [(row["version"], row["script_content"]) for row in rows] == [(2, "echo 2\n"), (1, "echo from a template\n")]


@pytest.mark.parametrize(
    "change", [{"description": "new"}, {"name": "other"}, {"is_archived": True}, {}, {"note": "x"}]
)
def test_facts_alone_make_no_version(change: dict[str, Any]) -> None:
    body = edited(make_template("train", user=make_user()), change)
    assert body["version"] == 1
    assert {name: body[name] for name in change if name != "note"} == {k: v for k, v in change.items() if k != "note"}


def test_wrong_edits_change_nothing() -> None:
    template, _ = make_template("train", user=make_user()), make_template("taken")
    for change in ({"name": "taken"}, {"priority": 6}, {"nme": "x"}, {"script_content": ""}):
        assert patch(rest(), f"/api/templates/{template.pk}/", change).status_code == 400
    template.refresh_from_db()
    assert template.name == "train"
    assert template.versions.count() == 1


def names(query: str) -> list[str]:
    response = rest().get(f"/api/templates/{query}")
    assert response.status_code == 200, response.content
    return [row["name"] for row in response.json()["results"]]


def test_lists() -> None:
    make_template("b-train", script_content="cuda")
    make_template("a-clean", is_archived=True)
    assert names("") == ["a-clean", "b-train"]
    assert names("?is_archived=false") == ["b-train"]
    assert names("?name=TRAIN") == names("?script=cuda") == ["b-train"]
    assert names("?ordering=-name") == ["b-train", "a-clean"]


@pytest.mark.parametrize("query", ["?nam=x", "?ordering=script_content", "?is_archived=maybe&x=1"])
def test_wrong_queries_are_refused(query: str) -> None:
    assert rest().get(f"/api/templates/{query}").status_code == 400


@pytest.mark.parametrize("method", ["put", "delete"])
def test_templates_are_neither_replaced_nor_deleted(method: str) -> None:
    path = f"/api/templates/{make_template().pk}/"
    assert getattr(rest(is_staff=True), method)(path, {}, content_type="application/json").status_code == 405


def test_unknown_templates() -> None:
    response = rest().get("/api/templates/999/")
    assert (response.status_code, response.json()["detail"]) == (404, "There is no template 999.")


def test_the_number_of_queries_does_not_grow() -> None:
    counts = []
    for _ in range(2):
        for _ in range(5):
            make_template()
        client = rest()
        with CaptureQueriesContext(connection) as captured:
            assert client.get("/api/templates/").status_code == 200
        counts.append(len(captured))
    assert counts[0] == counts[1]


def test_only_its_maker_and_staff_change_a_template() -> None:
    template = make_template("train", user=make_user("bob"))
    refused = patch(rest(), f"/api/templates/{template.pk}/", {"description": "mine now"})
    assert (refused.status_code, template.description) == (403, "")
    assert patch(rest("bob"), f"/api/templates/{template.pk}/", {"description": "by bob"}).status_code == 200
    assert patch(rest("root", is_staff=True), f"/api/templates/{template.pk}/", {"description": "x"}).status_code == 200
