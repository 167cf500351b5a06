"""Gives Django's admin the permissions that a role stands for, so that nobody has to tick them one by one.

Operators get every model of hosts, templates and tasks but the rules of who may connect. Signs nobody in.
"""

from typing import Any

from django.contrib.auth.backends import BaseBackend

from scheduler_site.shared.roles import Right, may

OPERATED_APPS = frozenset({"agents", "tasks", "templates_app"})
ADMINS_ONLY = frozenset({"accessrule"})


class RolePermissions(BaseBackend):
    def has_perm(self, user_obj: Any, perm: str, obj: Any = None) -> bool:
        app, _, codename = perm.partition(".")
        model = codename.partition("_")[2]
        return app in OPERATED_APPS and model not in ADMINS_ONLY and may(user_obj, Right.OPERATE)

    def has_module_perms(self, user_obj: Any, app_label: str) -> bool:
        return app_label in OPERATED_APPS and may(user_obj, Right.OPERATE)
