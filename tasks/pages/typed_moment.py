"""A moment as typed into a form, in the browser's own time. Whether it makes sense is the submission's to say."""

from datetime import UTC, datetime, timedelta


def in_utc(typed: datetime | None, offset_minutes: int | None) -> datetime | None:
    """Without the browser's offset it is in the site's time, and so is what lies at the ends of the calendar: that is
    refused in any case."""
    if typed is None or offset_minutes is None:
        return typed
    try:
        return typed.replace(tzinfo=UTC) + timedelta(minutes=offset_minutes)
    except OverflowError:
        return typed
