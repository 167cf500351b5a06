"""Who may change which template. Everyone who is signed in may read all of them and submit from them."""

from typing import Any

from scheduler_site.shared.roles import Right, may, may_change_own
from templates_app.models import ScriptTemplate


def may_change(user: Any, template: ScriptTemplate) -> bool:
    """Whoever made its first version, and staff."""
    return may(user, Right.OPERATE) or may_change_own(user, _maker_id(template))


def _maker_id(template: ScriptTemplate) -> int | None:
    return template.versions.order_by("number").values_list("created_by_id", flat=True).first()
