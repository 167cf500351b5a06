"""The form of a new task: what people type, turned into the fields that tasks.submission takes, and its errors back.

Sizes are typed in GiB, durations as 2h or 90m, dependencies as `12, 13`. Where it may run is asked by placement_form.
Whether the values make a task is the submission's to say; here only what cannot be read is an error.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.conf import settings

from scheduler_site.shared.quantities import DURATION_HELP, duration_input, gib_input, parse_duration, parse_gib
from tasks import known_names
from tasks.pages import dependency_text, typed_lists, variable_lines
from tasks.pages.placement_form import PLACEMENT, PlacementForm, TypedField
from tasks.shortage import LARGEST_FACTOR, SMALLEST_FACTOR
from tasks.states import FailureClass, OnHostLoss
from templates_app.forms import PRIORITIES, QuantityField, ScriptField
from templates_app.models import ScriptTemplate

CUSTOM = "custom"
OTHER = "other"
MAY_WAIT = (
    "No known host could run this. Change what is marked, or tick “Wait for a future host” under Placement to queue it "
    "all the same."
)
MORE = (
    "time_limit_seconds", "estimated_seconds", "retries", "retry_on", "retry_exit_codes", "oom_memory_factor",
    "oom_exclusive", "on_host_loss", "working_directory", "split_output", "description", "environment", "metadata",
)  # fmt: skip
_PASSED_ON = (
    "name", "description", "template_type", "script_content", "working_directory", "split_output", "priority",
    "cpu_cores", "memory_mib", "gpu_count", "gpu_share", "estimated_seconds", "time_limit_seconds", "retries",
    "retry_on", "retry_exit_codes", "oom_memory_factor", "oom_exclusive",
)  # fmt: skip
_LINES_HELP = "One NAME=value a line."


class VariablesField(forms.CharField):
    """Lines of NAME=value as a dict."""

    def __init__(self, **options: Any) -> None:
        widget = forms.Textarea(attrs={"rows": 3, "spellcheck": "false", "class": "mono"})
        super().__init__(required=False, strip=False, help_text=_LINES_HELP, widget=widget, **options)

    def prepare_value(self, value: Any) -> Any:
        return variable_lines.show(value) if isinstance(value, Mapping) else value

    def clean(self, value: Any) -> Any:
        try:
            return variable_lines.parse(super().clean(value))
        except ValueError as error:
            raise forms.ValidationError(str(error)) from None


class DependenciesField(forms.CharField):
    def clean(self, value: Any) -> Any:
        try:
            return [one.as_field() for one in dependency_text.parse(super().clean(value))]
        except ValueError as error:
            raise forms.ValidationError(str(error)) from None


class TaskForm(PlacementForm):
    idempotency_key = forms.CharField(max_length=64, required=False, widget=forms.HiddenInput)
    name = forms.CharField(max_length=200, widget=forms.TextInput(attrs={"autocomplete": "off"}))
    template_type = forms.CharField(
        label="Template type",
        max_length=120,
        initial=CUSTOM,
        help_text="One of the list, or any word of yours.",
        widget=forms.TextInput(attrs={"list": "template-types", "autocomplete": "off"}),
    )
    template = forms.ModelChoiceField(
        label="Fill in from a template",
        queryset=ScriptTemplate.objects.none(),
        required=False,
        empty_label="No template",
    )
    script_content = ScriptField(label="Script")
    priority = forms.TypedChoiceField(choices=PRIORITIES, coerce=int, initial=3)
    cpu_cores = forms.DecimalField(
        label="CPU cores",
        min_value=0,
        max_value=4096,
        max_digits=8,
        decimal_places=2,
        initial=1,
        widget=forms.NumberInput(attrs={"step": "any", "inputmode": "decimal"}),
    )
    memory_mib = QuantityField(parse_gib, gib_input, label="Memory, GiB", help_text="Empty: none is booked.")
    gpu_count = forms.IntegerField(label="GPUs", min_value=0, max_value=64, initial=0)
    gpu_memory = forms.ChoiceField(label="Memory per GPU", required=False)
    gpu_memory_other = QuantityField(parse_gib, gib_input, label="Memory per GPU, GiB")
    gpu_share = forms.BooleanField(
        label="Share the GPU", required=False, help_text="Book only this much of a card; other tasks may use the rest."
    )
    depends_on = DependenciesField(
        label="Depends on",
        required=False,
        help_text="Ids of tasks that must complete first: 12, 13. Also afterany:12 or afternotok:12.",
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "pattern": dependency_text.HTML_PATTERN, "title": "Task ids such as 12, 13"}
        ),
    )
    description = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 2}))
    estimated_seconds = QuantityField(
        parse_duration, duration_input, label="Estimated duration", help_text=DURATION_HELP
    )
    time_limit_seconds = QuantityField(
        parse_duration, duration_input, label="Time limit", help_text="The script is stopped after it. Empty: none."
    )
    retries = forms.IntegerField(
        label="Retries", min_value=0, max_value=100, initial=0, help_text="How often a failed run is tried again."
    )
    retry_on = TypedField(
        typed_lists.parse_names,
        typed_lists.show_names,
        label="Retry on",
        help_text=f"Which failures: {', '.join(FailureClass.values)}. Empty: all but host_lost.",
    )
    retry_exit_codes = TypedField(
        typed_lists.parse_numbers,
        typed_lists.show_numbers,
        label="Retry exit codes",
        help_text="Of scripts that fail by themselves only these: 75, 137. Empty: any.",
    )
    on_host_loss = forms.ChoiceField(
        label="If its host is lost",
        required=False,
        choices=[("keep", "let it go on there"), ("failover", "stop it there, run it elsewhere")],
        initial=OnHostLoss.KEEP,
        help_text="“Run it elsewhere”: the script is killed on a host that loses contact with the server for "
        f"{settings.FAILOVER_STOP_SECONDS:g} seconds.",
    )
    oom_memory_factor = forms.FloatField(
        label="More memory after running out",
        required=False,
        min_value=SMALLEST_FACTOR,
        max_value=LARGEST_FACTOR,
        help_text="The retry asks for so many times as much, such as 1.5. Empty: for the same.",
        widget=forms.NumberInput(attrs={"step": "any", "inputmode": "decimal"}),
    )
    oom_exclusive = forms.BooleanField(
        label="A whole GPU after running out", required=False, help_text="Instead of a share, once that was too little."
    )
    working_directory = forms.CharField(
        label="Working directory", required=False, max_length=4095, help_text="On the host. Empty: the agent's home."
    )
    environment = VariablesField(label="Environment")
    metadata = VariablesField(label="Metadata")
    split_output = forms.BooleanField(label="Keep stderr apart from stdout", required=False)
    may_wait = False  # refused, but "Wait for a future host" would queue it

    def __init__(self, *args: Any, gpu_sizes: list[tuple[int, int]] | None = None, **options: Any) -> None:
        """`gpu_sizes` are (MiB, number of cards with at least that much) of the hosts there are."""
        super().__init__(*args, **{"label_suffix": "", **options})
        self.fields["template"].queryset = ScriptTemplate.objects.filter(is_archived=False)  # type: ignore[attr-defined]
        self.fields["gpu_memory"].choices = _gpu_choices(gpu_sizes or [])  # type: ignore[attr-defined]

    def clean_gpu_memory(self) -> int | None:
        chosen = self.cleaned_data["gpu_memory"]
        return int(chosen) if chosen and chosen != OTHER else None

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if self.data.get("gpu_memory") == OTHER:
            data["gpu_memory"] = data.get("gpu_memory_other")
            if not data["gpu_memory"] and "gpu_memory_other" not in self.errors:
                self.add_error("gpu_memory_other", "Give a number of GiB.")
        return data

    def task_fields(self) -> dict[str, Any]:
        """What tasks.submission.submit takes."""
        data = self.cleaned_data
        fields = {name: data[name] for name in _PASSED_ON}
        fields |= {name: data[name] for name in ("gpu_memory", "depends_on", "environment", "metadata")}
        fields["on_host_loss"] = data["on_host_loss"] or OnHostLoss.KEEP
        fields |= self.placement()
        if data["template"] is not None:
            fields["template"] = data["template"].pk
        return fields

    def add_refusal(self, fields: Mapping[str, list[str]]) -> None:
        """The submission's errors at the fields where they belong; others, and the way out, at the top."""
        self.may_wait = any(known_names.ANYWAY in sentence for sentences in fields.values() for sentence in sentences)
        if self.may_wait:
            self.add_error(None, MAY_WAIT)
        for name, sentences in fields.items():
            shown = "gpu_memory_other" if name == "gpu_memory" and self.data.get(name) == OTHER else name
            for words in filter(None, map(_on_page, sentences)):
                if shown in self.fields:
                    self.add_error(shown, words)
                else:
                    self.add_error(None, f"{name}: {words}")

    @property
    def has_more(self) -> bool:
        """Whether something under "More" is filled in or wrong, so that it must be open."""
        return self._is_used(MORE)

    @property
    def has_placement(self) -> bool:
        """The same for "Placement", where the way out of a refusal is too."""
        return self.may_wait or self._is_used(PLACEMENT)

    def _is_used(self, names: Iterable[str]) -> bool:
        return any(name in self.errors or not self._is_plain(name) for name in names)

    def _is_plain(self, name: str) -> bool:
        """Whether the field says what it says in an empty form, typed or not."""
        return str(self[name].value()) in ("None", "", "0", "False", str(self.fields[name].initial))


def _on_page(sentence: str) -> str:
    """Without the way out, which is said once."""
    words = sentence.replace(known_names.ANYWAY, "").strip()
    return words[:1].upper() + words[1:] + ("." if words and not words.endswith(".") else "")


def _gpu_choices(sizes: list[tuple[int, int]]) -> list[tuple[str, str]]:
    known = [
        (str(mib), f"at least {gib_input(mib)} GiB ({count} GPU{'' if count == 1 else 's'})") for mib, count in sizes
    ]
    return [("", "any"), *known, (OTHER, "another number …")]
