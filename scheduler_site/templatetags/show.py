"""How values look on every page: status pills, times, durations, sizes. Changes and asks nothing.

Says the same words as static/src/lib/format.js, which keeps them right while the page is open.
"""

import json
from datetime import datetime
from typing import Any

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()

PRIORITY_WORDS = {1: "highest", 2: "high", 3: "normal", 4: "low", 5: "lowest"}
_UNITS = ("KiB", "MiB", "GiB", "TiB")


@register.simple_tag
def icon(name: str) -> SafeString:
    """An icon beside a word; see static/src/icons.css for the names."""
    return format_html('<span class="icon i-{}" aria-hidden="true"></span>', name)


@register.simple_tag
def pill(status: str, word: str = "") -> SafeString:
    """Colour, icon and word of a task's or host's status."""
    return format_html(
        '<span class="pill st-{0}"><span class="icon i-{0}" aria-hidden="true"></span>{1}</span>',
        status,
        word or status,
    )


@register.filter
def duration(seconds: float | None) -> str:
    if seconds is None:
        return ""
    if seconds < 10:
        return f"{max(0.0, seconds):.1f} s"
    days, rest = divmod(int(seconds), 86400)
    hours, rest = divmod(rest, 3600)
    minutes, left = divmod(rest, 60)
    if days:
        return f"{days} d {hours:02} h"
    if hours:
        return f"{hours} h {minutes:02} m"
    return f"{minutes} m {left:02} s" if minutes else f"{left} s"


@register.filter
def ago(moment: datetime | None) -> SafeString | str:
    """`3 min ago`, kept right by the page's script; the title has the moment itself."""
    return _time(moment, "ago", _ago(_seconds_since(moment))) if moment else ""


@register.filter
def age(moment: datetime | None) -> SafeString | str:
    """Like ago, but ticks in seconds for two minutes: for heartbeats."""
    if moment is None:
        return ""
    seconds = _seconds_since(moment)
    return _time(moment, "age", f"{int(seconds)} s ago" if seconds < 120 else _ago(seconds))


@register.filter
def since(moment: datetime | None) -> SafeString | str:
    """The duration from `moment` until now, ticking."""
    return _time(moment, "since", duration(int(_seconds_since(moment)))) if moment else ""


@register.filter
def moment(at: datetime | None) -> SafeString | str:
    """The moment itself: 2026-11-20 22:41:07 in the site's time zone."""
    if at is None:
        return ""
    shown = f"{timezone.localtime(at):%Y-%m-%d %H:%M:%S}"
    return format_html('<time datetime="{}">{}</time>', at.isoformat(), shown)


@register.filter
def gib(mib: float | None) -> str:
    """MiB as GiB with at most one decimal; below one GiB as whole MiB, so that little is not nothing."""
    if mib is None:
        return ""
    return f"{mib:.0f} MiB" if 0 < mib < 1024 else f"{mib / 1024:.1f}".removesuffix(".0") + " GiB"


@register.filter
def size(count: int | None) -> str:
    """Bytes in the unit that fits."""
    if count is None:
        return ""
    if count < 1024:
        return f"{count} B"
    value, unit = float(count), -1
    while value >= 1024 and unit < len(_UNITS) - 1:
        value, unit = value / 1024, unit + 1
    return f"{value:.{1 if value < 10 else 0}f} {_UNITS[unit]}"


@register.filter
def number(value: Any) -> str:
    """Whole numbers stay whole: 2, 0.5, 1.25."""
    return "" if value is None else f"{float(value):.2f}".rstrip("0").rstrip(".")


@register.filter
def percent(value: float | None) -> str:
    return "" if value is None else f"{value:.0f} %"


@register.filter
def priority_word(priority: int) -> str:
    return PRIORITY_WORDS.get(priority, str(priority))


@register.filter
def pretty_json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True)


def _seconds_since(at: datetime | None) -> float:
    return max(0.0, (timezone.now() - at).total_seconds()) if at else 0.0


def _ago(seconds: float) -> str:
    if seconds < 5:
        return "just now"
    for limit, unit, step in ((60, "s", 1), (3600, "min", 60), (86400, "h", 3600)):
        if seconds < limit:
            return f"{int(seconds // step)} {unit} ago"
    return f"{int(seconds // 86400)} d ago"


def _time(at: datetime, kind: str, text: str) -> SafeString:
    title = f"{timezone.localtime(at):%Y-%m-%d %H:%M:%S %Z}"
    return format_html('<time datetime="{}" title="{}" data-{}>{}</time>', at.isoformat(), title, kind, text)
