"""The template form: what people type becomes MiB, seconds and LF, and a changed script the next version."""

from typing import Any

import pytest

from templates_app.forms import TemplateForm
from templates_app.models import ScriptTemplate
from tests.factories import make_template, make_user

pytestmark = pytest.mark.django_db
TYPED = {
    "name": "train",
    "description": "",
    "script_content": "echo one\r\necho two",
    "priority": "2",
    "cpu_cores": "0.5",
    "memory_mib": "1.5",
    "gpu_count": "1",
    "gpu_memory": "24",
    "time_limit_seconds": "1h30m",
}


def saved(**changes: Any) -> ScriptTemplate:
    form = TemplateForm({**TYPED, **changes})
    assert form.is_valid(), form.errors
    template = form.store(make_user())
    assert template is not None
    return template


def test_what_was_typed_is_stored_in_our_units() -> None:
    version = saved().current_version
    assert version is not None
    assert (version.memory_mib, version.gpu_memory, version.time_limit_seconds) == (1536, 24576, 5400)
    assert (version.priority, float(version.cpu_cores), version.gpu_count, version.number) == (2, 0.5, 1, 1)


def test_a_script_from_a_browser_becomes_bash_text() -> None:
    version = saved().current_version
    assert version is not None
    assert version.script_content == "echo one\necho two\n"


def test_empty_quantities_mean_none() -> None:
    version = saved(memory_mib="", gpu_memory=" ", time_limit_seconds="").current_version
    assert version is not None
    assert (version.memory_mib, version.gpu_memory, version.time_limit_seconds) == (None, None, None)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("script_content", " \n "),
        ("script_content", "echo \0"),
        ("priority", "6"),
        ("priority", "high"),
        ("cpu_cores", "-1"),
        ("cpu_cores", "0.001"),
        ("cpu_cores", "nan"),
        ("memory_mib", "lots"),
        ("gpu_count", "1.5"),
        ("gpu_memory", "0"),
        ("time_limit_seconds", "tomorrow"),
    ],
)
def test_a_wrong_value_is_named(field: str, value: str) -> None:
    form = TemplateForm({**TYPED, field: value})
    assert not form.is_valid()
    assert list(form.errors) == [field]


def test_a_taken_name_is_refused() -> None:
    make_template("train")
    assert "name" in TemplateForm(TYPED).errors


def test_a_name_taken_between_check_and_save_is_refused_too() -> None:
    form = TemplateForm(TYPED)
    assert form.is_valid()
    make_template("train")
    assert form.store(None) is None
    assert "train exists already" in form.errors["name"][0]


def edited(template: ScriptTemplate, **changes: Any) -> ScriptTemplate:
    form = TemplateForm({**TYPED, "name": template.name, **changes}, instance=template)
    assert form.is_valid(), form.errors
    assert form.store(make_user()) is not None
    return ScriptTemplate.objects.get(pk=template.pk)


def test_the_form_comes_back_as_it_was_typed() -> None:
    form = TemplateForm(instance=saved())
    shown = {name: str(form[name].value()) for name in TYPED if name != "script_content"}
    assert shown == {name: TYPED[name] for name in shown}


def test_saving_the_unchanged_form_makes_no_version() -> None:
    assert edited(saved(), description="only the description").versions.count() == 1  # type: ignore[attr-defined]


def test_a_changed_script_makes_the_next_version_with_its_note() -> None:
    template = edited(saved(), script_content="echo three", note="three instead")
    first, second = template.versions.order_by("number")  # type: ignore[attr-defined]
    assert first.script_content == "echo one\necho two\n"
    assert (second.number, second.note, second.script_content) == (2, "three instead", "echo three\n")
    assert template.current_version_id == second.pk  # type: ignore[attr-defined]
