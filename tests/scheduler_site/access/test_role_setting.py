"""Giving roles: by the verb, in the admin, and what older accounts have."""

from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, User

from scheduler_site.access.owner import owner
from scheduler_site.access.role_setting import set_role
from scheduler_site.shared.actors import SYSTEM
from scheduler_site.shared.errors import Conflict
from scheduler_site.shared.roles import Role, kept_role, role_of
from tests.admin.people import administrator, said, staff_with
from tests.factories import make_user, make_user_of

pytestmark = pytest.mark.django_db


def fresh(user: Any) -> User:
    return User.objects.get(pk=user.pk)


@pytest.mark.parametrize("new", Role)
@pytest.mark.parametrize("old", Role)
def test_every_role_can_become_every_other(old: Role, new: Role) -> None:
    user = make_user_of(old)
    set_role(user, new, SYSTEM)
    assert role_of(user) == role_of(fresh(user)) == new


def test_a_new_account_may_only_look() -> None:
    assert role_of(User.objects.create(username="new")) == Role.VIEWER


def test_flags_that_were_set_before_roles_came_are_roles() -> None:
    assert role_of(make_user("a", is_staff=True)) == Role.OPERATOR
    assert role_of(make_user("b", is_staff=True, is_superuser=True)) == Role.ADMIN


def test_whoever_could_submit_before_still_can() -> None:
    Group.objects.all().delete()
    plain, staff = User.objects.create(username="plain"), User.objects.create(username="staff", is_staff=True)
    import_module("scheduler_site.migrations.0002_submitters").add_group(apps, None)
    assert (role_of(fresh(plain)), role_of(fresh(staff))) == (Role.SUBMITTER, Role.OPERATOR)
    assert not fresh(staff).groups.exists()


def test_the_owner_is_an_admin_and_stays_one() -> None:
    assert role_of(owner()) == Role.ADMIN
    with pytest.raises(Conflict, match="stays an admin"):
        set_role(owner(), Role.VIEWER, SYSTEM)
    assert role_of(fresh(owner())) == Role.ADMIN


def test_a_role_is_given_in_the_admin() -> None:
    client, bob = administrator(), make_user("bob")
    html = said(client.get(f"/admin/auth/user/{bob.pk}/change/"))
    assert '<option value="submitter" selected>' in html
    assert "is_superuser" not in html
    client.post(f"/admin/auth/user/{bob.pk}/change/", {"username": "bob", "role": "operator", "is_active": "on"})
    assert role_of(fresh(bob)) == Role.OPERATOR


def test_an_account_is_made_in_the_admin_with_a_role() -> None:
    words = {"password1": "a long enough word", "password2": "a long enough word", "usable_password": "true"}
    administrator().post("/admin/auth/user/add/", {"username": "eve", "role": "submitter", **words})
    assert role_of(User.objects.get(username="eve")) == Role.SUBMITTER


def test_closing_an_account_keeps_its_role_for_later() -> None:
    client, bob = administrator(), make_user("bob")
    client.post(f"/admin/auth/user/{bob.pk}/change/", {"username": "bob", "role": "submitter"})
    assert role_of(fresh(bob)) is None
    assert kept_role(fresh(bob)) == Role.SUBMITTER


def test_only_admins_see_accounts_whatever_permission_staff_hold() -> None:
    client, user = staff_with("auth.change_user", "auth.view_user", "auth.add_user")
    assert client.get(f"/admin/auth/user/{user.pk}/change/").status_code == 403
    client.post(f"/admin/auth/user/{user.pk}/change/", {"username": "helper", "role": "admin", "is_active": "on"})
    assert role_of(fresh(user)) == Role.OPERATOR
