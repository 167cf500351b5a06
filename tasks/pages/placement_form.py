"""The part of the new-task form that says where a task may run, and what is booked there beside cores and cards.

Choices are what there is now; whether the values make sense is the submission's to say.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django import forms

from agents.models import Gpu, Pool
from scheduler_site.shared.quantities import gib_input, parse_gib
from scheduler_site.shared.roles import Right, may
from tasks.models import Reservation
from tasks.pages import typed_lists, typed_moment
from tasks.states import ReservationState
from templates_app.forms import QuantityField

PLACEMENT = (
    "pool", "gpu_types", "requires", "prefers", "hosts", "exclude_hosts", "node_count", "disk_mib", "resources",
    "reservation", "zone", "deadline_at", "whole_host", "wait_for_host",
)  # fmt: skip
PASSED_ON = tuple(name for name in PLACEMENT if name != "deadline_at")
SHOWN_KINDS = 5


class TypedField(forms.CharField):
    """A text that `parse` turns into names or amounts, shown by `show`."""

    def __init__(self, parse: Callable[[str], Any], show: Callable[[Any], str], **options: Any) -> None:
        widget = forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"})
        super().__init__(required=False, widget=widget, **options)
        self.parse, self.show = parse, show

    def prepare_value(self, value: Any) -> Any:
        return value if isinstance(value, str) or value is None else self.show(value)

    def clean(self, value: Any) -> Any:
        try:
            return self.parse(super().clean(value))
        except ValueError as error:
            raise forms.ValidationError(str(error)) from None


def _names(**options: Any) -> TypedField:
    return TypedField(typed_lists.parse_names, typed_lists.show_names, **options)


class PlacementForm(forms.Form):
    utc_offset_minutes = forms.IntegerField(min_value=-1440, max_value=1440, required=False, widget=forms.HiddenInput)
    pool = forms.ChoiceField(label="Pool", required=False, help_text="Hosts that an operator put together.")
    gpu_types = _names(label="GPU type")
    requires = forms.CharField(
        label="Requires",
        required=False,
        help_text="What the host must have, such as a100 & nvlink or linux & !(old | slow).",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    prefers = _names(label="Prefers", help_text="Only orders the hosts: nvlink, 80gb & !old.")
    hosts = _names(label="Only these hosts", help_text="Names: gpu-1, gpu-2.")
    exclude_hosts = _names(label="Not these hosts", help_text="Names: gpu-3.")
    node_count = forms.IntegerField(
        label="Number of hosts",
        required=False,
        min_value=1,
        max_value=64,
        initial=1,
        help_text="More than 1: it starts on all of them together, with this much on each.",
    )
    disk_mib = QuantityField(parse_gib, gib_input, label="Disk, GiB", help_text="Empty: none is booked.")
    resources = TypedField(
        typed_lists.parse_amounts,
        typed_lists.show_amounts,
        label="Counted resources",
        help_text="Licences and the like: matlab=1, bandwidth=2.",
    )
    reservation = forms.TypedChoiceField(
        label="Inside the reservation", required=False, coerce=int, empty_value=None, help_text="Yours that are open."
    )
    zone = forms.CharField(
        label="Zone of its data",
        required=False,
        max_length=120,
        help_text="Such as eu/berlin; counts where the policy is nearest.",
    )
    deadline_at = forms.DateTimeField(
        label="Deadline",
        required=False,
        help_text="Needed by then: moves it forward within its priority. Nothing is stopped.",
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )
    whole_host = forms.BooleanField(
        label="The whole host", required=False, help_text="Nothing else runs there meanwhile."
    )
    wait_for_host = forms.BooleanField(
        label="Wait for a future host", required=False, help_text="Queue it although no known host could run it."
    )

    def __init__(self, *args: Any, user: Any = None, **options: Any) -> None:
        """`user`: whose reservations are offered."""
        super().__init__(*args, **options)
        self.fields["pool"].choices = _pools(self.initial.get("pool"))  # type: ignore[attr-defined]
        self.fields["reservation"].choices = _reservations(user)  # type: ignore[attr-defined]
        self.fields["gpu_types"].help_text = _kinds_of_card()

    def clean_node_count(self) -> int:
        return self.cleaned_data["node_count"] or 1

    def placement(self) -> dict[str, Any]:
        """These fields as tasks.submission.submit takes them."""
        return {**{name: self.cleaned_data[name] for name in PASSED_ON}, "deadline_at": self._deadline()}

    def _deadline(self) -> datetime | None:
        return typed_moment.in_utc(self.cleaned_data["deadline_at"], self.cleaned_data.get("utc_offset_minutes"))


def _pools(copied: str | None) -> list[tuple[str, str]]:
    """A copied pool that is gone stays chosen, so that the submission can say so."""
    names = [*Pool.objects.values_list("name", flat=True), *([copied] if copied else [])]
    return [("", "any host"), *((name, name) for name in dict.fromkeys(names))]


def _reservations(user: Any) -> list[tuple[str, str]]:
    rows = Reservation.objects.filter(state__in=(ReservationState.PENDING, ReservationState.ACTIVE))
    if not may(user, Right.OPERATE):
        rows = rows.filter(submitted_by=user)
    return [("", "none"), *((str(row.pk), f"{row.pk} {row.name} ({row.state})") for row in rows[:200])]


def _kinds_of_card() -> str:
    names = Gpu.objects.filter(is_present=True).exclude(name="").order_by("name").values_list("name", flat=True)
    kinds = list(names.distinct()[: SHOWN_KINDS + 1])
    here = f" Here: {', '.join(kinds[:SHOWN_KINDS])}{' …' if len(kinds) > SHOWN_KINDS else ''}." if kinds else ""
    return f"Words of a card's name; any of them will do: a100, rtx 4090.{here}"
