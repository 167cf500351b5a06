"""Every administrative act leaves a row that says who, from where, what, without secrets. Each model that the
administration can change is tried; one that is added without a trial here fails."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import Client, RequestFactory
from django.urls import reverse

from agents import access_rules, enrolment
from agents.models import AccessRule, Agent, CountedResource, EnrolmentToken, PlacementRules, Pool
from scheduler_site.access.links import create_link, redeem
from scheduler_site.access.tokens import create_token, revoke_token
from scheduler_site.models import AdministrativeEvent, ApiToken
from scheduler_site.shared.actors import SYSTEM
from scheduler_site.shared.admin_operations import OperatedAdmin
from scheduler_site.shared.audit import HistoryRow
from tasks.models import Reservation, Task
from templates_app import editing
from templates_app.models import ScriptTemplate
from tests.admin.forms import sent
from tests.admin.people import administrator, said
from tests.factories import make_agent, make_task, make_user
from tests.tasks.reservation_rows import granted

pytestmark = pytest.mark.django_db

HISTORIES = [model for model in apps.get_models() if issubclass(model, HistoryRow)]


def rows() -> int:
    return sum(model.objects.count() for model in HISTORIES)


def filled(client: Client, url: str, **changes: Any) -> None:
    """Open a form, change these fields, send it; the administration answers with a page or leads back to one."""
    reply = client.post(url, sent(said(client.get(url)), **changes), follow=True)
    assert reply.status_code == 200
    assert "errornote" not in said(reply), said(reply)[:2000]


def page(model: type[Any], act: str, *arguments: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{act}", args=arguments)


def account_added(client: Client) -> None:
    words = {"username": "eve", "password1": "a-long-word-7", "password2": "a-long-word-7", "role": "viewer"}
    filled(client, page(User, "add"), **words)


def account_changed(client: Client) -> None:
    filled(client, page(User, "change", make_user("eve").pk), role="operator")


def password_set(client: Client) -> None:
    url = reverse("admin:auth_user_password_change", args=[make_user("eve").pk])
    filled(client, url, password1="a-long-word-7", password2="a-long-word-7", usable_password="true")


def token_made(client: Client) -> None:
    filled(client, page(ApiToken, "add"), label="laptop")


def token_revoked(client: Client) -> None:
    row, _ = create_token(make_user("root"), "laptop")
    before = rows()
    client.post(page(ApiToken, "changelist"), {"action": "revoke", "_selected_action": [row.pk]}, follow=True)
    assert rows() == before + 1


def enrolment_made(client: Client) -> None:
    filled(client, page(EnrolmentToken, "add"), label="lab", uses=1, hours=1)


def enrolment_deleted(client: Client) -> None:
    row, _ = enrolment.create_token("lab")
    before = rows()
    client.post(page(EnrolmentToken, "delete", row.pk), {"post": "yes"}, follow=True)
    assert rows() == before + 1


def pool_made(client: Client) -> None:
    filled(client, page(Pool, "add"), name="fast")


def access_rule_added(client: Client) -> None:
    filled(client, page(AccessRule, "add"), network="10.1.0.0/16", verdict="deny", audience="agents")
    assert AccessRule.objects.get().network == "10.1.0.0/16"


def access_rule_removed(client: Client) -> None:
    row = access_rules.add("10.1.0.0/16", "deny", "agents", actor=SYSTEM)
    before = rows()
    client.post(page(AccessRule, "delete", row.pk), {"post": "yes"}, follow=True)
    assert rows() == before + 1
    assert not AccessRule.objects.exists()


def resource_made(client: Client) -> None:
    filled(client, page(CountedResource, "add"), name="licence", total=2)


def rules_changed(client: Client) -> None:
    row, _ = PlacementRules.objects.get_or_create(pk=1)
    filled(client, page(PlacementRules, "change", row.pk), policy="random")


def host_changed(client: Client) -> None:
    filled(client, page(Agent, "change", make_agent("box").pk), weight="2.00")


def template_made(client: Client) -> None:
    editing.create("train", "", {"script_content": "true"}, make_user())


ACTS: dict[type[Any], list[Callable[[Client], None]]] = {
    User: [account_added, account_changed, password_set],
    ApiToken: [token_made, token_revoked],
    EnrolmentToken: [enrolment_made, enrolment_deleted],
    Pool: [pool_made],
    AccessRule: [access_rule_added, access_rule_removed],
    CountedResource: [resource_made],
    PlacementRules: [rules_changed],
    Agent: [host_changed],
    ScriptTemplate: [template_made],
}
OPERATED: dict[type[Any], Callable[[], Any]] = {
    Agent: lambda: make_agent("box"),
    Task: make_task,
    Reservation: lambda: granted(make_agent("box")),
}


@pytest.mark.parametrize("act", [act for acts in ACTS.values() for act in acts], ids=lambda act: act.__name__)
def test_each_act_leaves_a_row(act: Callable[[Client], None]) -> None:
    client = administrator()
    before = rows()
    act(client)
    assert rows() > before


def test_every_model_that_can_be_changed_has_a_trial() -> None:
    request = RequestFactory().get("/")
    request.user = make_user("root", is_staff=True, is_superuser=True)
    for model, its_admin in admin.site._registry.items():
        may = [its_admin.has_add_permission(request), its_admin.has_change_permission(request)]
        if any([*may, its_admin.has_delete_permission(request)]):
            assert model in ACTS, model
        if isinstance(its_admin, OperatedAdmin) and its_admin.operations:
            assert model in OPERATED, model


@pytest.mark.parametrize("model", OPERATED, ids=lambda model: model.__name__)
def test_the_first_verb_of_each_operated_model_leaves_a_row(model: type[Any]) -> None:
    client, row = administrator(), OPERATED[model]()
    its_admin = admin.site._registry[model]
    assert isinstance(its_admin, OperatedAdmin)
    operation = next(operation for operation in its_admin.operations if operation.applies(row))
    before = rows()
    reply = client.post(page(model, operation.name, row.pk), {"confirmed": "1", "reason": "because"}, follow=True)
    assert reply.status_code == 200
    assert rows() > before, said(reply)[:1000]


def test_the_row_says_who_from_where_and_what_without_secrets() -> None:
    client = administrator()
    words = {"username": "eve", "password1": "a-long-word-7", "password2": "a-long-word-7", "role": "operator"}
    filled(client, page(User, "add"), **words)
    made = AdministrativeEvent.objects.get(verb="account_made", subject="account eve")
    assert (made.actor_name, made.address) == ("root", "127.0.0.1")
    role = AdministrativeEvent.objects.get(verb="role_set")
    assert role.detail == {"role": ["viewer", "operator"]}
    user = User.objects.get(username="eve")
    user.set_password("another-long-word")
    user.save()
    changed = AdministrativeEvent.objects.filter(verb="account_changed").latest("id")
    assert changed.detail == {"password": ["hidden", "hidden"]}
    assert changed.actor_name == "nightshift"
    everything = json.dumps(list(AdministrativeEvent.objects.values("subject", "reason", "detail")))
    assert "long-word" not in everything
    assert user.password not in everything


def test_sign_ins_are_there_good_ones_and_bad_ones() -> None:
    make_user("ada").set_password("x")
    client = Client()
    client.post("/login/", {"username": "ada", "password": "wrong"})
    client.force_login(make_user("ada"))
    client.logout()
    verbs = AdministrativeEvent.objects.filter(subject="account ada").values_list("verb", flat=True)
    verbs = verbs.exclude(verb="rights_changed")
    assert list(verbs) == ["account_made", "sign_in_failed", "signed_in", "signed_out"]


def test_links_and_revoked_tokens_are_there() -> None:
    plain = create_link("http://x").rpartition("/")[2]
    assert redeem(plain, "one browser") is not None
    assert redeem(plain, "another") is None
    row, secret = create_token(make_user(), "laptop")
    revoke_token(row)
    revoke_token(row)
    verbs = list(AdministrativeEvent.objects.values_list("verb", flat=True))
    for verb in ("sign_in_link_made", "sign_in_link_ended", "api_token_made", "api_token_revoked"):
        assert verbs.count(verb) == 1
    shown = json.dumps(list(AdministrativeEvent.objects.values("subject", "reason", "detail")))
    assert plain not in shown
    assert secret not in shown


def test_it_can_be_read_in_the_administration_and_not_changed() -> None:
    client = administrator()
    row = AdministrativeEvent.objects.latest("id")
    assert "account root" in said(client.get(page(AdministrativeEvent, "changelist")))
    assert client.get(page(AdministrativeEvent, "add")).status_code == 403
    assert client.post(page(AdministrativeEvent, "delete", row.pk), {"post": "yes"}).status_code == 403
