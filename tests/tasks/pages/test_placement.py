"""The placement page: what it says, who may switch, and that the next pass follows what was switched."""

import re
from typing import Any

import pytest
from django.test import Client

from agents.models import Agent, CountedResource, PlacementEvent, PlacementRules, Pool
from tasks.models import SubAgent
from tasks.scheduling import run, wakeup
from tests.admin.forms import sent
from tests.admin.people import administrator
from tests.factories import make_agent, make_task, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff() -> Client:
    client = Client()
    client.force_login(make_user("ada", is_staff=True))
    return client


@pytest.fixture
def user() -> Client:
    client = Client()
    client.force_login(make_user("bob"))
    return client


def shown(client: Client, **headers: str) -> str:
    reply = client.get("/placement/", headers=headers)
    assert reply.status_code == 200
    return reply.content.decode()


def text(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", html))


def test_visitors_are_sent_to_sign_in(client: Client) -> None:
    assert client.get("/placement/").headers["Location"] == "/login/?next=/placement/"


def test_it_says_how_hosts_are_chosen_and_is_in_the_navigation(user: Client) -> None:
    html = shown(user)
    assert "Policy of the site: fragmentation-aware" in html
    assert "Keep GPUs usable for what comes next." in html
    assert '<a class="nav-link" href="/placement/" aria-current="page">' in html
    assert "There is no pool." in html


def test_it_shows_pools_with_sums_and_members(user: Client) -> None:
    busy, away = make_agent("gpu-1", gpus=2), make_agent("gpu-2", connectivity="unreachable")
    Pool.objects.create(name="fast", description="new cards", policy="random").agents.add(busy, away)
    CountedResource.objects.create(name="matlab", total=3)
    html = shown(user)
    words = text(html)
    for part in (
        "All hosts",
        "fast",
        "1 of 2",
        "16 of 32",
        "2 of 2 Test GPU",
        "48 GiB of 48 GiB",
        "matlab 3 of 3 free",
    ):
        assert part in words
    assert f'href="/agents/#agent-{busy.pk}"' in html
    assert "new cards" in html


def test_the_open_page_gets_the_sums_alone(user: Client) -> None:
    html = shown(user, **{"HX-Request": "true"})
    assert "<html" not in html
    assert "All hosts" in html


def test_only_staff_get_the_forms_and_may_send_them(user: Client, staff: Client) -> None:
    Pool.objects.create(name="fast")
    assert "<select" in shown(staff)
    assert "<select" not in shown(user)
    for address in ("policy/", "rules/", "pools/fast/policy/"):
        assert user.post(f"/placement/{address}", {"policy": "random", "ageing_hours": "1"}).status_code == 403
        assert staff.get(f"/placement/{address}").status_code == 405
    assert not PlacementRules.objects.exists()


def test_names_are_escaped(staff: Client) -> None:
    Pool.objects.create(name="fast", description="<b>x</b>")
    assert "<b>x</b>" not in shown(staff)


def test_the_rules_are_changed_and_the_policy_stays(staff: Client) -> None:
    PlacementRules.objects.create(policy="nearest")
    body = {"ageing_hours": "12", "usage_half_life_hours": "6", "hold_after_seconds": "60", "start_hold_seconds": "5"}
    assert staff.post("/placement/rules/", body).headers["Location"] == "/placement/"
    rules = PlacementRules.current()
    assert (rules.policy, rules.ageing_hours, rules.hold_after_seconds) == ("nearest", 12.0, 60)
    assert PlacementEvent.objects.get().actor_name == "ada"
    assert "The rules are changed." in shown(staff)


@pytest.mark.parametrize(
    ("field", "value"), [("ageing_hours", "nan"), ("ageing_hours", ""), ("hold_after_seconds", "-1")]
)
def test_wrong_rules_are_named_and_change_nothing(staff: Client, field: str, value: str) -> None:
    body = {"ageing_hours": "1", "usage_half_life_hours": "1", "hold_after_seconds": "1", "start_hold_seconds": "1"}
    reply = staff.post("/placement/rules/", {**body, field: value})
    assert reply.status_code == 422
    assert f'id="id_{field}_error"' in reply.content.decode()
    assert not PlacementRules.objects.exists()


@pytest.mark.parametrize("address", ["policy/", "pools/fast/policy/"])
def test_an_unknown_policy_is_refused(staff: Client, address: str) -> None:
    Pool.objects.create(name="fast", policy="random")
    reply = staff.post(f"/placement/{address}", {"policy": "fastest"})
    assert reply.status_code == 422
    assert "is no policy" in reply.content.decode()
    assert Pool.objects.get().policy == "random"


def test_an_unknown_pool_is_not_found(staff: Client) -> None:
    assert staff.post("/placement/pools/none/policy/", {"policy": "random"}).status_code == 404


def chosen(**task: Any) -> str:
    """The host of one more task, placed by one pass."""
    made = make_task(**task)
    run.run_pass()
    return SubAgent.objects.get(task=made).agent.name


@pytest.fixture
def two_hosts() -> None:
    """Best fit takes the small one, least loaded the large one."""
    make_agent("large", cpu_cores=32)
    make_agent("small", cpu_cores=4)


@pytest.mark.usefixtures("two_hosts")
def test_a_switch_on_the_page_holds_from_the_next_pass_on(staff: Client) -> None:
    staff.post("/placement/policy/", {"policy": "best_fit"})
    assert chosen() == "small"
    staff.post("/placement/policy/", {"policy": "least_loaded"})
    assert chosen() == "large"
    assert "The policy of the site is now least loaded." in shown(staff)


@pytest.mark.usefixtures("two_hosts")
def test_a_pools_own_policy_wins_for_tasks_that_name_it(staff: Client) -> None:
    Pool.objects.create(name="fast").agents.set(Agent.objects.all())
    staff.post("/placement/policy/", {"policy": "best_fit"})
    staff.post("/placement/pools/fast/policy/", {"policy": "least_loaded"})
    assert (chosen(), chosen(pool="fast")) == ("small", "large")
    staff.post("/placement/pools/fast/policy/", {"policy": ""})
    assert chosen(pool="fast") == "small"


@pytest.mark.usefixtures("two_hosts")
def test_a_switch_in_the_admin_holds_from_the_next_pass_on() -> None:
    admin = administrator()
    rule = "/admin/agents/placementrules/1/change/"
    for policy, host in (("best_fit", "small"), ("least_loaded", "large")):
        admin.post(rule, sent(admin.get(rule).content.decode(), policy=policy))
        assert chosen() == host


@pytest.mark.usefixtures("two_hosts")
def test_a_pools_switch_in_the_admin_holds_too() -> None:
    admin = administrator()
    admin.post("/placement/policy/", {"policy": "best_fit"})
    pool = Pool.objects.create(name="fast")
    address = f"/admin/agents/pool/{pool.pk}/change/"
    members = [str(pk) for pk in Agent.objects.values_list("pk", flat=True)]
    for policy, host in (("least_loaded", "large"), ("", "small")):
        body = sent(admin.get(address).content.decode(), policy=policy, agents=members)
        assert admin.post(address, body).status_code == 302
        assert chosen(pool="fast") == host


@pytest.mark.django_db(transaction=True)
def test_a_switch_wakes_the_scheduler(staff: Client) -> None:
    wakeup.event.clear()
    staff.post("/placement/policy/", {"policy": "random"})
    assert wakeup.event.is_set()
    wakeup.event.clear()
    staff.post("/placement/policy/", {"policy": "random"})
    assert not wakeup.event.is_set()
