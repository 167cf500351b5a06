"""Who may change which task or reservation. Everyone who is signed in may read all of them."""

from typing import Any

from scheduler_site.shared.roles import may_change_own
from tasks.models import Reservation, Task


def may_change(user: Any, row: Task | Reservation) -> bool:
    """Cancel, edit, release: whoever submitted it, and staff."""
    return may_change_own(user, row.submitted_by_id)
