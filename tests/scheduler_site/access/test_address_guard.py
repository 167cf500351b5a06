"""Access rules as the server applies them, and as an admin keeps them."""

import asyncio
from concurrent.futures import Future
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.test import Client

from agents import access_rules
from agents.models import AccessRule, PlacementEvent
from agents.signals import access_changed
from scheduler_site.access import rule_cache
from scheduler_site.access.address_guard import AddressGuard
from scheduler_site.access.rule_cache import RuleCache
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
    monkeypatch.setattr(rule_cache, "READ_EVERY_SECONDS", -1.0)
    assert len(await cache.rules() or []) == 1


class Reads:
    """Of the database: each answers what it is told to, when it is told to."""

    def __init__(self) -> None:
        self.begun: list[Future[list[addresses.Rule] | None]] = []

    def __call__(self) -> list[addresses.Rule] | None:
        self.begun.append(Future())
        return self.begun[-1].result(20)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Reads:
    found = Reads()
    monkeypatch.setattr(rule_cache, "_rules_of_the_database", found)
    return found


DENY = addresses.Rule(addresses.network("192.0.2.0/24"), "deny", "people")


async def until_begun(reads: Reads, count: int) -> None:
    while len(reads.begun) < count:
        await asyncio.sleep(0)


@pytest.mark.django_db(transaction=True)  # a refusal names the instance
async def test_nobody_is_let_in_before_the_rules_were_read(reads: Reads) -> None:
    guard = AddressGuard(inside)
    both = [asyncio.ensure_future(asked(guard, "192.0.2.7")) for _ in range(2)]
    await until_begun(reads, 1)
    assert not guard.lets_in_now({"type": "http", "path": "/tasks/", "headers": [], "client": ["192.0.2.7", 1]})
    assert not any(one.done() for one in both)
    reads.begun[0].set_result([DENY])
    assert await asyncio.gather(*both) == [403, 403]
    assert len(reads.begun) == 1


@pytest.mark.django_db(transaction=True)  # a refusal names the instance
async def test_while_the_rules_cannot_be_read_at_all_nobody_is_let_in(reads: Reads) -> None:
    guard = AddressGuard(inside)
    for number, (kind, answer) in enumerate([("http", 503), ("websocket", 1013)]):
        waiting = asyncio.ensure_future(asked(guard, "192.0.2.7", kind=kind))
        await until_begun(reads, number + 1)
        reads.begun[number].set_result(None)
        assert await waiting == answer


async def test_rules_that_changed_while_they_were_read_are_read_again(reads: Reads) -> None:
    cache = RuleCache()
    waiting = asyncio.ensure_future(cache.rules())
    await until_begun(reads, 1)
    await asyncio.to_thread(access_changed.send, sender=None)
    reads.begun[0].set_result([])
    await until_begun(reads, 2)
    assert not waiting.done()
    reads.begun[1].set_result([DENY])
    assert await waiting == [DENY]
    assert cache.known() == [DENY]


async def test_what_is_known_counts_while_it_is_read_again(reads: Reads, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = RuleCache()
    for number, answer in enumerate([[DENY], None]):
        waiting = asyncio.ensure_future(cache.rules())
        await until_begun(reads, number + 1)
        reads.begun[number].set_result(answer)
        assert await waiting == [DENY]  # also when the database does not answer any more
        monkeypatch.setattr(rule_cache, "READ_EVERY_SECONDS", -1.0 if number == 0 else 5.0)
    monkeypatch.setattr(rule_cache, "READ_EVERY_SECONDS", -1.0)
    first = asyncio.ensure_future(cache.rules())
    await until_begun(reads, 3)
    assert await cache.rules() == [DENY]
    monkeypatch.undo()
    reads.begun[2].set_result([DENY])
    assert await first == [DENY]


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
