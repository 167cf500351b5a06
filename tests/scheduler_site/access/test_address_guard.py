"""Access rules as the server applies them, and as an admin keeps them."""

from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.test import Client

from agents import access_rules
from agents.models import AccessRule, PlacementEvent
from scheduler_site.access import address_guard
from scheduler_site.access.address_guard import AddressGuard, RuleCache
from scheduler_site.shared import addresses
from scheduler_site.shared.actors import SYSTEM
from scheduler_site.shared.errors import Conflict, Invalid
from scheduler_site.shared.roles import Role
from tests.admin.people import administrator, said
from tests.factories import make_user_of

LIST = "/admin/agents/accessrule/"


async def asked(guard: AddressGuard, peer: str, path: str = "/tasks/", kind: str = "http", forwarded: str = "") -> Any:
    """The status or the close code, or "in"."""
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    headers = [(b"x-forwarded-for", forwarded.encode())] if forwarded else []
    await guard({"type": kind, "path": path, "headers": headers, "client": [peer, 1]}, receive, send)
    return sent[0].get("status", sent[0].get("code", sent[0]["type"]))


async def inside(_scope: Any, _receive: Any, send: Any) -> None:
    await send({"type": "in"})


@pytest.mark.django_db(transaction=True)
async def test_rules_count_at_once_for_http_and_sockets(settings: Any) -> None:
    settings.TRUSTED_PROXIES = [addresses.network("10.0.0.1")]
    guard = AddressGuard(inside)
    assert await asked(guard, "192.0.2.7") == "in"
    row = await sync_to_async(access_rules.add)("192.0.2.0/24", "deny", "people", actor=SYSTEM)
    assert await asked(guard, "192.0.2.7") == 403
    assert await asked(guard, "192.0.2.7", "/ws/live/", "websocket") == 4403
    assert await asked(guard, "192.0.2.7", "/agent/v1/heartbeat") == "in"
    assert await asked(guard, "127.0.0.1") == "in"
    assert await asked(guard, "10.0.0.1", forwarded="127.0.0.1, 192.0.2.7") == 403
    assert await asked(guard, "10.0.0.2", forwarded="192.0.2.7") == "in"
    await sync_to_async(access_rules.remove)(row, actor=SYSTEM)
    assert await asked(guard, "192.0.2.7") == "in"


@pytest.mark.django_db(transaction=True)
async def test_a_socket_of_before_the_rule_is_heard_no_more() -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "websocket.receive", "text": "{}"}

    async def listens(_scope: Any, receive: Any, _send: Any) -> None:
        assert (await receive())["type"] == "websocket.receive"
        await sync_to_async(access_rules.add)("192.0.2.0/24", "deny", "people", actor=SYSTEM)
        assert await receive() == {"type": "websocket.disconnect", "code": 4403}

    scope = {"type": "websocket", "path": "/ws/live/", "headers": [], "client": ["192.0.2.7", 1]}
    await AddressGuard(listens)(scope, receive, send)
    assert sent == [{"type": "websocket.close", "code": 4403}]


@pytest.mark.django_db(transaction=True)
async def test_rules_of_another_process_count_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    cache = RuleCache()
    assert await cache.rules() == []
    await AccessRule.objects.acreate(network="192.0.2.0/24", verdict="deny", audience="people")
    assert await cache.rules() == []
    monkeypatch.setattr(address_guard, "READ_EVERY_SECONDS", -1.0)
    assert len(await cache.rules()) == 1


@pytest.mark.django_db
def test_rules_are_written_in_one_way_and_once() -> None:
    assert access_rules.add(" 192.0.2.7/24 ", "deny", "people", actor=SYSTEM).network == "192.0.2.0/24"
    with pytest.raises(Conflict):
        access_rules.add("::ffff:192.0.2.0/120", "deny", "people", actor=SYSTEM)
    with pytest.raises(Invalid):
        access_rules.add("everywhere", "deny", "people", actor=SYSTEM)


@pytest.mark.django_db
def test_admins_add_and_remove_with_history() -> None:
    client = administrator()
    client.post(f"{LIST}add/", {"network": "192.0.2.0/24", "verdict": "deny", "audience": "agents", "note": "old lab"})
    row = AccessRule.objects.get()
    assert "192.0.2.0/24" in said(client.get(LIST))
    client.post(f"{LIST}{row.pk}/delete/", {"post": "yes"})
    assert not AccessRule.objects.exists()
    history = PlacementEvent.objects.filter(subject="access rules").values_list("actor_name", "detail__rule")
    assert list(history) == [("root", "deny 192.0.2.0/24 for agents")] * 2
    html = said(
        client.post(f"{LIST}add/", {"network": "nowhere", "verdict": "deny", "audience": "agents"}, follow=True)
    )
    assert "ust be an address or a network" in html


@pytest.mark.django_db
def test_operators_may_not_even_look() -> None:
    client = Client()
    client.force_login(make_user_of(Role.OPERATOR))
    assert client.get(LIST).status_code == 403
