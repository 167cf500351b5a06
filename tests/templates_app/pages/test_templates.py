"""The pages of templates: list, one template, add, edit, the examples."""

from typing import Any

import pytest
from django.test import Client

from templates_app.models import ScriptTemplate
from tests.factories import make_task, make_template, make_user
from tests.templates_app.test_forms import TYPED

pytestmark = pytest.mark.django_db


@pytest.fixture
def user() -> Client:
    client = Client()
    client.force_login(make_user("bob"))
    return client


def html_of(client: Client, address: str, status: int = 200) -> str:
    reply = client.get(address)
    assert reply.status_code == status
    return reply.content.decode()


@pytest.mark.parametrize("address", ["/templates/", "/templates/new/", "/templates/1/", "/templates/1/edit/"])
def test_visitors_are_sent_to_sign_in(client: Client, address: str) -> None:
    assert client.get(address).headers["Location"] == f"/login/?next={address}"


def test_the_list_says_what_a_template_needs_and_how_often_it_was_used(user: Client) -> None:
    template = make_template("train", description="One GPU", gpu_count=1, gpu_memory=24576, cpu_cores=4)
    make_task(template_version=template.current_version)
    make_task(template_version=template.current_version)
    html = html_of(user, "/templates/")
    for text in ("train", "One GPU", "4 CPU", "1 GPU ≥ 24 GiB", 'aria-label="2 tasks from train"'):
        assert text in html
    assert f"/tasks/new/?template={template.pk}" in html


def test_tasks_of_older_versions_count_too(user: Client) -> None:
    template = make_template("train")
    make_task(template_version=template.current_version)
    user.post(f"/templates/{template.pk}/edit/", TYPED)
    make_task(template_version=ScriptTemplate.objects.get().current_version)
    assert 'aria-label="2 tasks from train"' in html_of(user, "/templates/")


def test_archived_templates_are_kept_apart(user: Client) -> None:
    make_template("old", is_archived=True)
    make_template("new")
    assert ">old<" not in html_of(user, "/templates/")
    assert ">old<" in html_of(user, "/templates/?archived")


def test_one_template_shows_its_script_and_versions(user: Client) -> None:
    template = make_template("train", script_content="echo <first>\n", user=make_user("bob"))
    user.post(f"/templates/{template.pk}/edit/", {**TYPED, "note": "second try"})
    html = html_of(user, f"/templates/{template.pk}/")
    assert "echo two" in html
    assert "second try" in html
    assert "Version 2" in html
    old = html_of(user, f"/templates/{template.pk}/?version=1")
    assert "echo &lt;first&gt;" in old
    assert "This is version 1" in old


def test_an_unknown_template_is_not_found(user: Client) -> None:
    html_of(user, "/templates/7/", 404)


def test_adding_a_template_leads_to_its_page(user: Client) -> None:
    reply = user.post("/templates/new/", TYPED)
    template = ScriptTemplate.objects.get()
    assert reply.headers["Location"] == f"/templates/{template.pk}/"
    assert template.current_version is not None
    assert template.current_version.created_by == make_user("bob")


def test_wrong_values_come_back_with_the_form(user: Client) -> None:
    reply = user.post("/templates/new/", {**TYPED, "cpu_cores": "many"})
    html = reply.content.decode()
    assert reply.status_code == 422
    assert 'id="id_cpu_cores_error"' in html
    assert "echo one" in html
    assert not ScriptTemplate.objects.exists()


def test_the_edit_form_holds_the_current_version(user: Client) -> None:
    template = make_template("train", user=make_user("bob"), memory_mib=1536, time_limit_seconds=5400)
    html = html_of(user, f"/templates/{template.pk}/edit/")
    assert 'value="1.5"' in html
    assert 'value="1h30m"' in html


def test_a_taken_name_keeps_the_heading_of_the_template(user: Client) -> None:
    make_template("train")
    other = make_template("other", user=make_user("bob"))
    reply = user.post(f"/templates/{other.pk}/edit/", TYPED)
    assert reply.status_code == 422
    assert "Edit other" in reply.content.decode()


def test_examples_are_added_once_and_only_to_an_empty_list(user: Client) -> None:
    assert "Add 3 examples" in html_of(user, "/templates/")
    user.post("/templates/examples/")
    assert set(ScriptTemplate.objects.values_list("name", flat=True)) == {"bash", "prepare-data", "train"}
    user.post("/templates/examples/")
    assert ScriptTemplate.objects.count() == 3
    assert user.get("/templates/examples/").status_code == 405


def test_queries_do_not_grow_with_templates(user: Client, django_assert_max_num_queries: Any) -> None:
    for number in range(8):
        make_task(template_version=make_template(f"t{number}").current_version)
    with django_assert_max_num_queries(7):
        html_of(user, "/templates/")
