"""Signed-in clients of the admin's tests."""

import re
from typing import Any

from django.contrib.auth.models import Permission
from django.test import Client

from tests.factories import make_user


def administrator() -> Client:
    client = Client()
    client.force_login(make_user("root", is_staff=True, is_superuser=True))
    return client


def staff_with(*permissions: str) -> tuple[Client, Any]:
    """A staff account that holds only `permissions`, as "app.codename"."""
    user = make_user("helper", is_staff=True)
    for permission in permissions:
        app, codename = permission.split(".")
        user.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
    client = Client()
    client.force_login(user)
    return client, user


def said(reply: Any) -> str:
    """The page behind a reply, after redirects."""
    return str(reply.content.decode())


def hidden_fields(html: str, prefix: str) -> dict[str, str]:
    """The hidden inputs that a browser would send back with an inline."""
    return dict(re.findall(rf'<input type="hidden" name="({prefix}-[^"]+)" value="([^"]*)"', html))
