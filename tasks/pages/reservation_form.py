"""The form of a new reservation: what people type, turned into the fields that tasks.reserving takes, and its errors
back. Whether the values make sense is that module's to say; here only what cannot be read is an error.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django import forms

from agents.models import Pool
from scheduler_site.shared.quantities import duration_input, gib_input, parse_duration, parse_gib
from tasks.pages import typed_lists, typed_moment
from tasks.pages.placement_form import TypedField
from templates_app.forms import PRIORITIES, QuantityField

WHAT = ("hosts", "gpu_indices", "gpu_count", "gpu_memory", "cpu_cores", "memory_mib")
MORE = (
    "priority", "gpu_types", "pool", "requires", "exclude_hosts", "disk_mib", "resources", "gpu_share", "whole_host",
)  # fmt: skip
_MOMENT = {"type": "datetime-local"}


def _names(**options: Any) -> TypedField:
    return TypedField(typed_lists.parse_names, typed_lists.show_names, **options)


def parse_numbers(text: str) -> list[int]:
    """Numbers of cards: 0, 3."""
    words = typed_lists.parse_names(text)
    if wrong := [word for word in words if not (word.isascii() and word.isdecimal())]:
        raise ValueError(f"{wrong[0]} is not the number of a GPU; write 3, or 0, 1.")
    return [int(word) for word in words]


def show_numbers(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers))


class EndForm(forms.Form):
    utc_offset_minutes = forms.IntegerField(min_value=-1440, max_value=1440, required=False, widget=forms.HiddenInput)
    until = forms.DateTimeField(
        label="Until", required=False, widget=forms.DateTimeInput(attrs=_MOMENT, format="%Y-%m-%dT%H:%M")
    )

    def end(self) -> datetime | None:
        return typed_moment.in_utc(self.cleaned_data["until"], self.cleaned_data.get("utc_offset_minutes"))

    def add_refusal(self, fields: Mapping[str, list[str]]) -> None:
        """The errors at the fields where they belong; others at the top."""
        for name, sentences in fields.items():
            for sentence in sentences:
                words = sentence[:1].upper() + sentence[1:] + ("" if sentence.endswith(".") else ".")
                if name in self.fields:
                    self.add_error(name, words)
                else:
                    self.add_error(None, f"{name}: {words}")


class ReservationForm(EndForm):
    name = forms.CharField(label="What for", max_length=200, required=False)
    duration_seconds = QuantityField(
        parse_duration, duration_input, label="Or for", help_text="From when it is granted: 2h, 90m."
    )
    wait_seconds = QuantityField(
        parse_duration, duration_input, label="Wait for room", help_text="Gives up then: 30m, 2h. Empty: a day."
    )
    hosts = _names(label="Only these hosts", help_text="Names: gpu-1. Empty: any host.")
    gpu_indices = TypedField(
        parse_numbers, show_numbers, label="These GPUs", help_text="By number, of the one host named: 3 or 0, 1."
    )
    gpu_count = forms.IntegerField(label="Or so many GPUs", required=False, min_value=0, max_value=64)
    gpu_memory = QuantityField(parse_gib, gib_input, label="Memory per GPU, GiB", help_text="At least. Empty: any.")
    cpu_cores = forms.DecimalField(
        label="CPU cores",
        required=False,
        min_value=0,
        max_value=4096,
        max_digits=8,
        decimal_places=2,
        widget=forms.NumberInput(attrs={"step": "any", "inputmode": "decimal"}),
        help_text="Empty: one for each GPU.",
    )
    memory_mib = QuantityField(parse_gib, gib_input, label="Memory, GiB", help_text="Empty: none is booked.")
    priority = forms.TypedChoiceField(choices=PRIORITIES, coerce=int, initial=3)
    gpu_types = _names(label="GPU type", help_text="Words of a card's name: a100, rtx 4090.")
    pool = forms.ChoiceField(label="Pool", required=False)
    requires = forms.CharField(label="Requires", required=False, help_text="Such as a100 & !(old | slow).")
    exclude_hosts = _names(label="Not these hosts", help_text="Names: gpu-3.")
    disk_mib = QuantityField(parse_gib, gib_input, label="Disk, GiB")
    resources = TypedField(
        typed_lists.parse_amounts, typed_lists.show_amounts, label="Counted resources", help_text="matlab=1"
    )
    gpu_share = forms.BooleanField(
        label="Part of a GPU", required=False, help_text="The memory above is that part; others may have the rest."
    )
    whole_host = forms.BooleanField(label="The whole host", required=False, help_text="Once it is empty.")

    field_order = ("name", "until", "duration_seconds", "wait_seconds", *WHAT, *MORE)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        names = Pool.objects.values_list("name", flat=True)
        self.fields["pool"].choices = [("", "any host"), *((name, name) for name in names)]  # type: ignore[attr-defined]

    def fields_asked(self) -> dict[str, Any]:
        """What was said, as tasks.reserving.reservations.create takes it."""
        said = {name: value for name, value in self.cleaned_data.items() if name != "utc_offset_minutes"}
        said["until"] = self.end()
        return {name: value for name, value in said.items() if value not in (None, "", [], {})}

    @property
    def has_more(self) -> bool:
        return any(name in self.errors for name in MORE)
