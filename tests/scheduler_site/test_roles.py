"""Every route of the site stands in a table of who may use it; each role is tried on each. A new route fails here until
somebody has decided.
"""

from itertools import pairwise
from typing import Any

import pytest
from django.test import Client
from django.urls import get_resolver

from scheduler_site.shared.roles import RIGHTS, Right, Role
from tests.factories import make_agent, make_task, make_template, make_user_of
from tests.scheduler_site.test_api_walk import address, routes
from tests.tasks.reservation_rows import make_reservation

pytestmark = pytest.mark.django_db

READ, SUBMIT, OPERATE, ADMINISTER = Right
AGENTS = "agents"  # their own credentials: a person of any role gets 401
EVERYBODY = "everybody"

# route: (who may read it by GET, who may post to it)
TABLE: dict[str, tuple[str, str]] = {
    "": (EVERYBODY, EVERYBODY),
    "health/": (EVERYBODY, EVERYBODY),
    "enter/<str:token>": (EVERYBODY, EVERYBODY),
    "login/": (EVERYBODY, EVERYBODY),
    "logout/": (EVERYBODY, EVERYBODY),
    "agent/v1/register": (AGENTS, AGENTS),
    "agent/v1/session": (AGENTS, AGENTS),
    "agent/v1/heartbeat": (AGENTS, AGENTS),
    "agent/v1/secret": (AGENTS, AGENTS),
    "agent/v1/wait": (AGENTS, AGENTS),
    "agent/v1/report": (AGENTS, AGENTS),
    "agent/v1/claims": (AGENTS, AGENTS),
    "agent/v1/sub-agents/<uuid:sub_agent_id>/claim": (AGENTS, AGENTS),
    "agent/v1/sub-agents/<uuid:sub_agent_id>/reject": (AGENTS, AGENTS),
    "agent/v1/sub-agents/<uuid:sub_agent_id>/not-started": (AGENTS, AGENTS),
    "agent/v1/sub-agents/<uuid:sub_agent_id>/log": (AGENTS, AGENTS),
    r"agent/v1/^(?P<rest>[\s\S]+)$": (EVERYBODY, EVERYBODY),
    "api/^tasks/$": (READ, SUBMIT),
    "api/^tasks/ids/$": (READ, READ),
    "api/tasks/batch/": (READ, SUBMIT),
    "api/tasks/wait/": (READ, READ),
    "api/^tasks/(?P<pk>[0-9]{1,18})/$": (READ, READ),
    "api/^tasks/(?P<pk>[0-9]{1,18})/cancel/$": (READ, SUBMIT),
    "api/^tasks/(?P<pk>[0-9]{1,18})/run-dependants/$": (READ, SUBMIT),
    "api/^tasks/(?P<pk>[0-9]{1,18})/hold/$": (READ, SUBMIT),
    "api/^tasks/(?P<pk>[0-9]{1,18})/release/$": (READ, SUBMIT),
    "api/^tasks/(?P<pk>[0-9]{1,18})/events/$": (READ, READ),
    "api/^tasks/(?P<pk>[0-9]{1,18})/sub-agents/$": (READ, READ),
    "api/tasks/test/": (READ, READ),
    "api/^tasks/(?P<pk>[0-9]{1,18})/why/$": (READ, READ),
    "api/^tasks/(?P<pk>[0-9]{1,18})/log$": (READ, READ),
    "api/^tasks/(?P<pk>[0-9]{1,18})/log/download$": (READ, READ),
    "api/^reservations/$": (READ, SUBMIT),
    "api/^reservations/(?P<pk>[0-9]{1,18})/$": (READ, READ),
    "api/^reservations/(?P<pk>[0-9]{1,18})/events/$": (READ, READ),
    "api/^reservations/(?P<pk>[0-9]{1,18})/release/$": (READ, SUBMIT),
    "api/^templates/$": (READ, SUBMIT),
    "api/^templates/(?P<pk>[0-9]{1,18})/$": (READ, READ),
    "api/^templates/(?P<pk>[0-9]{1,18})/versions/$": (READ, READ),
    "api/pools/": (READ, OPERATE),
    "api/pools/<str:name>/": (READ, READ),
    "api/overview/": (READ, READ),
    "api/agents/": (READ, READ),
    "api/agents/<uuid:pk>/": (READ, READ),
    "api/agents/<uuid:pk>/gone/": (READ, OPERATE),
    "api/agents/<uuid:pk>/drain/": (READ, OPERATE),
    "api/agents/<uuid:pk>/release/": (READ, OPERATE),
    "api/agents/<uuid:pk>/end-quarantine/": (READ, OPERATE),
    "api/agents/<uuid:pk>/rotate-secret/": (READ, OPERATE),
    "api/agents/<uuid:pk>/stop/": (READ, OPERATE),
    "api/agents/<uuid:pk>/remove/": (READ, OPERATE),
    "api/agents/<uuid:pk>/pause/": (READ, OPERATE),
    "api/agents/<uuid:pk>/resume/": (READ, OPERATE),
    "api/agents/<uuid:pk>/deactivate/": (READ, OPERATE),
    "api/agents/<uuid:pk>/reactivate/": (READ, OPERATE),
    "api/agents/<uuid:pk>/events/": (READ, READ),
    "api/placement/": (READ, READ),
    "api/api-tokens/": (ADMINISTER, READ),
    "api/^api-tokens/(?P<pk>[0-9]{1,18})/revoke/$": (READ, ADMINISTER),
    "api/enrolment-tokens/": (ADMINISTER, READ),
    "api/^enrolment-tokens/(?P<pk>[0-9]{1,18})/revoke/$": (READ, ADMINISTER),
    "api/schema/": (READ, READ),
    "api/docs/": (READ, READ),
    r"api/^(?P<rest>[\s\S]*)$": (READ, READ),
    "tasks/": (READ, READ),
    "tasks/rows/": (READ, READ),
    "tasks/counts/": (READ, READ),
    "tasks/new/": (SUBMIT, SUBMIT),
    "tasks/dependencies/": (READ, READ),
    "tasks/<int:task_id>/": (READ, READ),
    "tasks/<int:task_id>/summary/": (READ, READ),
    "tasks/<int:task_id>/why/": (READ, READ),
    "tasks/<int:task_id>/hold/": (SUBMIT, SUBMIT),
    "tasks/<int:task_id>/release/": (SUBMIT, SUBMIT),
    "tasks/<int:task_id>/cancel/": (SUBMIT, SUBMIT),
    "tasks/<int:task_id>/run-dependants/": (SUBMIT, SUBMIT),
    "agents/": (READ, READ),
    "agents/<uuid:agent_id>/gone/": (OPERATE, OPERATE),
    "agents/add/": (OPERATE, OPERATE),
    "agents/<uuid:agent_id>/drain/": (OPERATE, OPERATE),
    "agents/<uuid:agent_id>/release/<int:task_id>/": (OPERATE, OPERATE),
    "agents/<uuid:agent_id>/end-quarantine/": (OPERATE, OPERATE),
    "agents/<uuid:agent_id>/rotate-secret/": (OPERATE, OPERATE),
    "agents/<uuid:agent_id>/stop/": (OPERATE, OPERATE),
    "agents/<uuid:agent_id>/remove/": (OPERATE, OPERATE),
    "agents/<uuid:agent_id>/pause/": (OPERATE, OPERATE),
    "agents/<uuid:agent_id>/resume/": (OPERATE, OPERATE),
    "placement/": (READ, READ),
    "placement/policy/": (OPERATE, OPERATE),
    "placement/pools/<str:name>/policy/": (OPERATE, OPERATE),
    "placement/rules/": (OPERATE, OPERATE),
    "reservations/": (READ, READ),
    "reservations/new/": (SUBMIT, SUBMIT),
    "reservations/<int:reservation_id>/release/": (SUBMIT, SUBMIT),
    "reservations/<int:reservation_id>/extend/": (SUBMIT, SUBMIT),
    "templates/": (READ, READ),
    "templates/new/": (SUBMIT, SUBMIT),
    "templates/examples/": (SUBMIT, SUBMIT),
    "templates/<int:template_id>/": (READ, READ),
    "templates/<int:template_id>/edit/": (SUBMIT, SUBMIT),
    "overview/": (READ, READ),
}

# The admin has many pages for each model: who may open any of them. "" is what belongs to no model.
ADMIN: dict[str, str] = {
    "": EVERYBODY,
    "agents/accessrule": ADMINISTER,
    "agents/agent": OPERATE,
    "agents/countedresource": OPERATE,
    "agents/enrolmenttoken": OPERATE,
    "agents/placementevent": OPERATE,
    "agents/placementrules": OPERATE,
    "agents/pool": OPERATE,
    "auth/user": ADMINISTER,
    "scheduler_site/administrativeevent": ADMINISTER,
    "scheduler_site/apitoken": ADMINISTER,
    "tasks/reservation": OPERATE,
    "tasks/task": OPERATE,
    "templates_app/scripttemplate": OPERATE,
}

# Calls that change things by other methods than POST.
CHANGES: dict[tuple[str, str], str] = {
    ("patch", "api/^tasks/(?P<pk>[0-9]{1,18})/$"): SUBMIT,
    ("patch", "api/^reservations/(?P<pk>[0-9]{1,18})/$"): SUBMIT,
    ("patch", "api/^templates/(?P<pk>[0-9]{1,18})/$"): SUBMIT,
    ("patch", "api/placement/"): OPERATE,
    ("patch", "api/pools/<str:name>/"): OPERATE,
    ("delete", "api/pools/<str:name>/"): OPERATE,
}

WALK = [route for route, _view in routes(get_resolver().url_patterns)]
PAGES = [route for route in WALK if not route.startswith("admin/")]
IN_ADMIN = [route for route in WALK if route.startswith("admin/")]


def test_the_table_has_every_route_and_no_other() -> None:
    assert set(PAGES) == set(TABLE)


def test_the_admin_s_table_has_every_model() -> None:
    assert {model_of(route) for route in IN_ADMIN} == set(ADMIN)


def model_of(route: str) -> str:
    """app/model of an admin page; empty for the index, the sign-in and the like."""
    parts = route.split("/")
    is_model = len(parts) > 3 and "<" not in parts[1] + parts[2] and parts[1] not in ("r", "password_change")
    return f"{parts[1]}/{parts[2]}" if is_model else ""


@pytest.fixture
def path_of() -> Any:
    """Fills a route with rows that are there, of a submitter other than the one who asks."""
    owner = make_user_of(Role.ADMIN)
    task, agent, template = make_task(submitted_by=owner), make_agent(), make_template(user=owner)
    reservation = make_reservation(owner.username)
    numbers = {"task": task.pk, "reservation": reservation.pk, "template": template.pk}

    def path(route: str) -> str:
        number = next((pk for word, pk in numbers.items() if word in route), 1)
        filled = address(route, number, str(agent.pk))
        for name, pk in numbers.items():
            filled = filled.replace(f"<int:{name}_id>", str(pk))
        return filled

    return path


def client_of(role: Role | None) -> Client:
    client = Client(raise_request_exception=False)
    if role is not None:
        client.force_login(make_user_of(role))
    return client


def is_let_in(status: int, location: str) -> bool:
    return status not in (401, 403) and not location.startswith(("/login/", "/admin/login/"))


@pytest.mark.parametrize("role", [None, *Role])
@pytest.mark.parametrize("method", ["get", "post"])
def test_each_role_gets_what_the_table_says(role: Role | None, method: str, path_of: Any) -> None:
    client = client_of(role)
    wrong = [route for route in PAGES if not fits(client, role, method, route, path_of(route))]
    assert wrong == []


def fits(client: Client, role: Role | None, method: str, route: str, path: str) -> bool:
    needed = TABLE[route][method == "post"]
    reply = getattr(client, method)(path, {}, content_type="application/json")
    if reply.status_code >= 500:
        return route == "health/"  # no loop runs here, and it says so
    if route == "logout/" and method == "post" and role:
        client.force_login(make_user_of(role))
    if needed == AGENTS:
        return bool(reply.status_code in (401, 405))
    if route == "enter/<str:token>":
        return bool(reply.status_code in (302, 403, 405))
    if needed == EVERYBODY:
        return True
    has_right = role is not None and needed in RIGHTS[role]
    let_in = is_let_in(reply.status_code, reply.get("Location", ""))
    return let_in == has_right or (role == Role.SUBMITTER and is_somebody_else_s(route, reply.status_code))


@pytest.mark.parametrize("role", [None, *Role])
@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_other_methods_are_refused_or_in_the_table(role: Role | None, method: str, path_of: Any) -> None:
    client = client_of(role)
    for route in PAGES:
        if route.startswith("api/"):
            reply = getattr(client, method)(path_of(route), {"no such": "field"}, content_type="application/json")
            needed = CHANGES.get((method, route))
            if role is None:
                assert reply.status_code == 401, route
            elif needed is None:
                assert reply.status_code in (404, 405), route
            elif needed not in RIGHTS[role] or (role == Role.SUBMITTER and needed == SUBMIT):
                assert reply.status_code == 403, route
            else:
                assert reply.status_code in (400, 404), route


def is_somebody_else_s(route: str, status: int) -> bool:
    """A submitter may do it to his own rows only, and the rows here are an admin's."""
    verbs = ("cancel/", "run-dependants/", "hold/", "release/", "extend/", "edit/")
    return status == 403 and route.rstrip("$").endswith(verbs)


@pytest.mark.parametrize("role", [None, *Role])
def test_the_admin_opens_to_those_whom_the_table_names(role: Role | None) -> None:
    client = client_of(role)
    for model, needed in ADMIN.items():
        if model:
            reply = client.get(f"/admin/{model}/", follow=False)
            let_in = is_let_in(reply.status_code, reply.get("Location", ""))
            assert let_in == (role is not None and needed in RIGHTS[role]), (model, role)


@pytest.mark.parametrize("path", ["/tasks/", "/templates/", "/reservations/", "/agents/", "/overview/", "/placement/"])
def test_what_a_viewer_may_not_do_is_not_offered(path: str, path_of: Any) -> None:
    html = client_of(Role.VIEWER).get(path).content.decode()
    assert "/new/" not in html
    assert 'method="post"' not in html.replace('action="/logout/" method="post"', "")
    assert "/admin/" not in html
    assert "/cancel/" not in html


def test_a_viewer_s_task_page_offers_no_change(path_of: Any) -> None:
    html = client_of(Role.VIEWER).get(path_of("tasks/<int:task_id>/")).content.decode()
    assert "/tasks/new/" not in html
    assert "/cancel/" not in html
    assert "/edit/" not in client_of(Role.VIEWER).get(path_of("templates/<int:template_id>/")).content.decode()


def test_a_closed_account_has_no_rights() -> None:
    client = client_of(Role.OPERATOR)
    assert client.get("/api/tasks/").status_code == 200
    user = make_user_of(Role.OPERATOR)
    user.is_active = False
    user.save()
    assert client.get("/api/tasks/").status_code == 401


def test_each_role_has_all_rights_of_the_one_below() -> None:
    ladder = [RIGHTS[role] for role in Role]
    assert all(lower < higher for lower, higher in pairwise(ladder))
