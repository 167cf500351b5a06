"""Who may change which task or reservation. Everyone who is signed in may read all of them."""

from typing import Any

from tasks.models import Reservation, Task


def may_change(user: Any, row: Task | Reservation) -> bool:
    """Cancel, edit, release: whoever submitted it, and staff."""
    return bool(user.is_staff or (row.submitted_by_id is not None and row.submitted_by_id == user.pk))
