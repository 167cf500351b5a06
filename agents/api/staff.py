"""Who may change what operators decide: staff. Everyone who is signed in may read it."""

from typing import Any

from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request


class StaffChanges(BasePermission):
    message = "Only staff may change this; your account is not marked as staff."

    def has_permission(self, request: Request, view: Any) -> bool:
        return request.method in SAFE_METHODS or bool(request.user and request.user.is_staff)
