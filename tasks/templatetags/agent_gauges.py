"""Bars and pairs of figures on the agents page. Every figure may be None: unknown, and shown as such."""

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()

FULL_FROM_PERCENT = 95
CAN_BE_FULL = ("memory", "gpu_memory")  # a busy processor is well used; a full memory is trouble


@register.simple_tag
def bar(value: float | None, most: float | None, label: str, key: str) -> SafeString:
    """A bar that reads `value` of `most`; empty when either is unknown."""
    part = share(value, most)
    return format_html(
        '<span class="bar{}" role="meter" aria-label="{}" aria-valuemin="0" aria-valuemax="100" aria-valuenow="{}"'
        ' data-bar="{}" style="--part: {}%"><span></span></span>',
        " is-unknown" if part is None else " is-full" if key in CAN_BE_FULL and part >= FULL_FROM_PERCENT else "",
        label,
        part or 0,
        key,
        part or 0,
    )


@register.simple_tag
def mib_of(used: float | None, total: float | None) -> str:
    """`35.2 / 80 GiB`, with a dash for what is unknown."""
    if used is None and total is None:
        return "—"
    return f"{_gib(used)} / {_gib(total)} GiB"


def share(value: float | None, most: float | None) -> int | None:
    """Whole percent of `most`, between 0 and 100."""
    if value is None or not most:
        return None
    return round(max(0.0, min(100.0, value * 100 / most)))


def _gib(mib: float | None) -> str:
    return "—" if mib is None else f"{mib / 1024:.1f}".removesuffix(".0")
