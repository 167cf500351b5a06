"""The API for people, fuzzed with each role and with nobody: never a fault, never an answer that is not described."""

from typing import Any

import pytest
from drf_spectacular.generators import SchemaGenerator

from agents.models import Pool
from scheduler_site.access.tokens import create_token
from scheduler_site.shared.roles import Role
from tests.factories import make_agent, make_output_log, make_sub_agent, make_task, make_template, make_user_of
from tests.fuzz.driver import Found, fuzz
from tests.tasks.reservation_rows import make_reservation

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("one_connection")]


@pytest.fixture
def known() -> dict[str, list[Any]]:
    """A site with a bit of everything; the values of path parameters that lead to it."""
    host = make_agent("gpu-1", gpus=2)
    Pool.objects.create(name="fast").agents.add(host)
    own = {role: make_user_of(role) for role in Role}
    tasks = [make_task(submitted_by=own[Role.SUBMITTER]), make_task("failed", agent=host), make_task("blocked")]
    make_output_log(make_sub_agent(make_task(), host))
    template = make_template("train", user=own[Role.SUBMITTER])
    reservation = make_reservation(Role.SUBMITTER.value)
    numbers = [*(task.pk for task in tasks), template.pk, reservation.pk]
    return {"id": [*numbers, str(host.pk)], "name": ["fast"]}


def of(known: dict[str, list[Any]], kind: type) -> dict[str, list[Any]]:
    return {**known, "id": [value for value in known["id"] if isinstance(value, kind)]}


def test_every_call_for_every_role(known: dict[str, list[Any]]) -> None:
    schema = SchemaGenerator().get_schema(public=True)
    hosts = {path: calls for path, calls in schema["paths"].items() if path.startswith("/api/agents/")}
    revoking = {path: calls for path, calls in schema["paths"].items() if path.endswith("/revoke/")}
    others = {path: calls for path, calls in schema["paths"].items() if path not in {**hosts, **revoking}}
    tokens = [create_token(make_user_of(role), "fuzz")[1] for role in Role]
    callers = [{}, *({"Authorization": f"Bearer {token}"} for token in tokens)]
    found = Found()
    fuzz({**schema, "paths": hosts}, callers, of(known, str), found)
    fuzz({**schema, "paths": others}, callers, of(known, int), found)
    fuzz({**schema, "paths": revoking}, callers, of(known, int), found)  # last: it may revoke the callers' own tokens
    assert not found.wrong, "\n\n".join(found.wrong)
    assert found.answered > len(schema["paths"]) * len(callers)
