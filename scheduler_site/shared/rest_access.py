"""Who may use a REST call: reading needs a role, changing the right that the view names. A view that names none is
for administrators, so that a forgotten line closes a door instead of opening one.
"""

from typing import Any

from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from scheduler_site.shared.roles import REFUSALS, Right, may


class ByRole(BasePermission):
    """`writes_need` of the view is the right for everything but GET, HEAD and OPTIONS, `reads_need` for those."""

    def has_permission(self, request: Request, view: Any) -> bool:
        right = needed(str(request.method), view)
        self.message = REFUSALS[right]
        return may(request.user, right)


def needed(method: str, view: Any) -> Right:
    """A method that the view does not have needs no right: its answer is 405."""
    if not hasattr(view, method.lower()):
        return Right.READ
    if method in SAFE_METHODS:
        return Right(getattr(view, "reads_need", Right.READ))
    return Right(getattr(view, "writes_need", Right.ADMINISTER))
