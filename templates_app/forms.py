"""The form of a template, for its page and for the admin: facts in place, script and defaults as the next version.

Sizes are typed in GiB and the time limit as a duration; stored are MiB and seconds. Saving goes through editing.
"""

from collections.abc import Callable
from typing import Any

from django import forms

from scheduler_site.shared.errors import Invalid
from scheduler_site.shared.quantities import DURATION_HELP, duration_input, gib_input, parse_duration, parse_gib
from templates_app import editing
from templates_app.models import ScriptTemplate, TemplateVersion

FACTS = ("name", "description", "is_archived")
NEW_SCRIPT = "#!/usr/bin/env bash\nset -euo pipefail\n\n"
PRIORITIES = [(1, "1 highest"), (2, "2 high"), (3, "3 normal"), (4, "4 low"), (5, "5 lowest")]


class QuantityField(forms.CharField):
    """A text that `parse` turns into a whole number of MiB or seconds, shown by `show`."""

    def __init__(self, parse: Callable[[str], int], show: Callable[[int | None], str], **options: Any) -> None:
        super().__init__(required=False, max_length=30, **options)
        self.parse, self.show = parse, show

    def prepare_value(self, value: Any) -> Any:
        return self.show(value) if isinstance(value, int) else value

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        if not text:
            return None
        try:
            return self.parse(text)
        except ValueError as error:
            raise forms.ValidationError(str(error)) from None


class ScriptField(forms.CharField):
    """Bash text. Browsers send CRLF; bash wants LF."""

    def __init__(self, **options: Any) -> None:
        super().__init__(strip=False, widget=forms.Textarea(attrs={"rows": 14, "spellcheck": "false"}), **options)

    def to_python(self, value: Any) -> str:
        text = (super().to_python(value) or "").replace("\r\n", "\n").replace("\r", "\n")
        return text if not text or text.endswith("\n") else text + "\n"

    def validate(self, value: str) -> None:
        super().validate(value.strip())
        if "\0" in value:
            raise forms.ValidationError("A script cannot hold a NUL character.")


class TemplateForm(forms.ModelForm):  # type: ignore[type-arg]
    script_content = ScriptField(label="Script", initial=NEW_SCRIPT)
    priority = forms.TypedChoiceField(choices=PRIORITIES, coerce=int, initial=3)
    cpu_cores = forms.DecimalField(
        label="CPU cores", min_value=0, max_value=4096, max_digits=8, decimal_places=2, initial=1
    )
    memory_mib = QuantityField(parse_gib, gib_input, label="Memory, GiB", help_text="Empty: none is booked.")
    gpu_count = forms.IntegerField(label="GPUs", min_value=0, max_value=1024, initial=0)
    gpu_memory = QuantityField(
        parse_gib, gib_input, label="Memory per GPU, GiB", help_text="At least this much. Empty: any."
    )
    time_limit_seconds = QuantityField(
        parse_duration, duration_input, label="Time limit", help_text=f"{DURATION_HELP} Empty: none."
    )
    note = forms.CharField(
        label="What changed", max_length=200, required=False, help_text="Kept with the version, if one is made."
    )

    class Meta:
        model = ScriptTemplate
        fields = FACTS
        widgets = {"description": forms.Textarea(attrs={"rows": 2})}

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        current = self.instance.current_version
        if current is None:
            del self.fields["note"], self.fields["is_archived"]
            return
        for name in editing.VERSION_FIELDS:
            self.initial.setdefault(name, shown_value(current, name))

    def store(self, user: Any) -> ScriptTemplate | None:
        """Create or edit. None when somebody else took the name meanwhile: the form then says so."""
        try:
            return self.write(user)
        except Invalid as error:
            self.add_error(error.field, error.detail)
            return None

    def write(self, user: Any) -> ScriptTemplate:
        """Create or edit; Invalid when somebody else took the name meanwhile."""
        data = self.cleaned_data
        version = {name: data[name] for name in (*editing.VERSION_FIELDS, "note") if name in data}
        facts = {name: data[name] for name in FACTS if name in data}
        if self.instance.pk is None:
            return editing.create(facts["name"], facts["description"], version, user)
        return editing.edit(self.instance, facts=facts, version=version, user=user)


def shown_value(version: TemplateVersion, name: str) -> Any:
    """A column as the form shows it: 2.00 cores are 2."""
    value = getattr(version, name)
    return f"{value.normalize():f}" if name == "cpu_cores" else value
