"""Two main agents speak for one host: neither is believed, what runs goes on, an operator ends it."""

from typing import Any

import pytest

from agents import alarms, quarantine
from agents.models import Agent
from scheduler_site.shared.actors import Actor
from scheduler_site.shared.errors import Conflict
from tasks import recovery
from tasks.models import SubAgent, Task
from tasks.scheduling.rows import hosts
from tests.factories import make_task, make_user
from tests.tasks.host_ends.test_failover import claimed
from tests.tasks.protocol import PaperHost, finish

pytestmark = pytest.mark.django_db
ADA = Actor("user", "ada")


@pytest.fixture(autouse=True)
def nobody_returned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quarantine, "_returns", {})


@pytest.fixture
def host() -> PaperHost:
    return PaperHost()


def speak(host: PaperHost, *incarnations: str, **more: Any) -> dict[str, Any]:
    reply: dict[str, Any] = {}
    for incarnation in incarnations:
        reply = host.open_session(incarnation=incarnation, inventory_complete=False, **more)
    return reply


def test_another_machine_under_the_same_secret_is_seen_at_once(host: PaperHost) -> None:
    assert speak(host, "copy", machine_id="another")["quarantined"]
    agent = Agent.objects.get()
    assert (agent.machine_id, agent.events.filter(verb="quarantined").count()) == ("m", 1)
    assert "copied" in alarms.sentences()[0]


def test_a_main_agent_that_starts_again_and_again_is_no_clone(host: PaperHost) -> None:
    assert not speak(host, *(f"start-{number}" for number in range(20)))["quarantined"]


def test_a_late_repeat_of_an_old_session_is_no_proof(host: PaperHost) -> None:
    assert not speak(host, "new", "incarnation-1", "new")["quarantined"]


def test_two_that_speak_in_turn_are_seen(host: PaperHost) -> None:
    assert speak(host, "copy", "incarnation-1", "copy", "incarnation-1")["quarantined"]


def test_neither_gets_work_and_nothing_is_concluded_from_what_they_say(host: PaperHost) -> None:
    grant = claimed(host)
    speak(host, "copy", machine_id="another")
    assert hosts.schedulable().count() == 0
    reply = host.open_session(incarnation="copy", machine_id="another")  # complete, and lists nothing
    assert (reply["directives"], SubAgent.objects.get().state) == ([], "starting")
    assert host.beat()["quarantined"]
    assert host.report(grant, started={"pid": 1})["code"] == "ok"
    assert host.report(grant, finish=finish())["code"] == "ok"
    assert Task.objects.get().status == "completed"


def test_a_copied_folder_claims_nothing_and_gives_nothing_back(host: PaperHost) -> None:
    grant = claimed(host)
    speak(host, "copy", machine_id="another")
    assert host.claim(grant)["code"] == "quarantined"
    assert host.status == 503
    reply = host.post(f"sub-agents/{grant['sub_agent_id']}/not-started", {"fence": grant["fence"]})
    assert (reply["code"], SubAgent.objects.get().state) == ("quarantined", "starting")


def test_what_was_placed_a_moment_ago_goes_elsewhere(host: PaperHost) -> None:
    from tests.tasks.host_ends.test_failover import lifecycle_place

    make_task()
    lifecycle_place(Task.objects.get(), host)
    speak(host, "copy", machine_id="another")
    recovery._revoke_unclaimed()
    assert SubAgent.objects.get().state == "revoked"


def test_an_operator_ends_it_and_it_comes_again_if_both_still_speak(host: PaperHost, client: Any) -> None:
    speak(host, "copy", machine_id="another")
    agent = Agent.objects.get()
    client.force_login(make_user("root", is_staff=True, is_superuser=True))
    assert "In quarantine" in client.get("/agents/").content.decode()
    assert client.post(f"/agents/{agent.pk}/end-quarantine/", {"reason": "enrolled anew"}).status_code == 302
    with pytest.raises(Conflict):
        quarantine.end(agent, actor=ADA)
    assert not speak(host, "incarnation-1")["quarantined"]
    assert not host.beat().get("quarantined")
    assert hosts.schedulable().count() == 1
    assert speak(host, "copy", machine_id="another")["quarantined"]


@pytest.mark.matrix(64)
def test_two_agents_of_one_name_are_two_hosts() -> None:
    names = [PaperHost("twin").name for _ in range(3)]
    assert names == ["twin", "twin-2", "twin-3"]
    assert Agent.objects.exclude(quarantined_at=None).count() == 0
