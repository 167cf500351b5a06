"""Templates in the admin: the same form and the same writer as their pages."""

import pytest
from django.test import Client

from templates_app.models import ScriptTemplate
from tests.admin.people import administrator, hidden_fields, said
from tests.factories import make_template
from tests.templates_app.test_forms import TYPED

pytestmark = pytest.mark.django_db
LIST = "/admin/templates_app/scripttemplate/"


@pytest.fixture
def admin() -> Client:
    return administrator()


def test_the_script_is_edited_in_the_code_editor(admin: Client) -> None:
    template = make_template("train", script_content="echo mine\n")
    html = said(admin.get(f"{LIST}{template.pk}/change/"))
    assert '<code-editor label="Script"><textarea name="script_content"' in html
    assert "echo mine" in html


def test_adding_makes_the_first_version(admin: Client) -> None:
    assert admin.post(f"{LIST}add/", TYPED).status_code == 302
    template = ScriptTemplate.objects.get()
    assert template.current_version is not None
    assert (template.current_version.number, template.current_version.memory_mib) == (1, 1536)
    assert template.current_version.created_by.username == "root"  # type: ignore[union-attr]


def test_an_edit_makes_the_next_version_and_keeps_the_first(admin: Client) -> None:
    template = make_template("train", script_content="echo mine\n")
    address = f"{LIST}{template.pk}/change/"
    form = {**TYPED, **hidden_fields(said(admin.get(address)), "versions")}
    assert admin.post(address, {**form, "note": "from the admin", "is_archived": "on"}).status_code == 302
    numbers = {version.number: version.script_content for version in template.versions.all()}  # type: ignore[attr-defined]
    assert numbers == {1: "echo mine\n", 2: "echo one\necho two\n"}
    template.refresh_from_db()
    assert template.is_archived
    assert "from the admin" in said(admin.get(f"{LIST}{template.pk}/change/"))


def test_wrong_values_are_named_and_nothing_is_stored(admin: Client) -> None:
    template = make_template("train")
    html = said(admin.post(f"{LIST}{template.pk}/change/", {**TYPED, "cpu_cores": "many"}))
    assert 'id="id_cpu_cores_error"' in html
    assert template.versions.count() == 1  # type: ignore[attr-defined]


def test_templates_are_archived_never_deleted(admin: Client) -> None:
    template = make_template("train")
    assert admin.post(f"{LIST}{template.pk}/delete/", {"post": "yes"}).status_code == 403


def test_the_list(admin: Client) -> None:
    make_template("train", cpu_cores=4, gpu_count=2)
    assert "train" in said(admin.get(LIST))


def test_a_name_taken_meanwhile_is_refused_in_words(admin: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """As when somebody else saves between this form's check and its save."""
    monkeypatch.setattr("templates_app.forms.TemplateForm.validate_unique", lambda form: None)
    make_template("train")
    html = said(admin.post(f"{LIST}add/", TYPED, follow=True))
    assert "A template named train exists already." in html
    assert ScriptTemplate.objects.count() == 1
