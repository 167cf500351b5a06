"""The placement page in a browser: a switch of the policy decides where the next task runs, without a restart."""

import pytest
from playwright.sync_api import Page, expect

from tests.running import Nightshift

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def two_hosts(nightshift: Nightshift) -> Nightshift:
    """Best fit takes the small one, least loaded the large one."""
    nightshift.start_agent({"cpu_cores": 32, "memory_mib": 65536}, name="large")
    nightshift.start_agent({"cpu_cores": 4, "memory_mib": 8192}, name="small")
    nightshift.post("/api/pools/", {"name": "fast", "members": ["large", "small"]})
    return nightshift


@pytest.fixture
def placement(site_page: Page, two_hosts: Nightshift) -> Page:
    site_page.get_by_role("link", name="Placement").click()
    expect(site_page.get_by_role("link", name="Placement", exact=True)).to_have_attribute("aria-current", "page")
    return site_page


def host_of(nightshift: Nightshift, **task: object) -> str:
    found = nightshift.wait_for(nightshift.submit("true\n", **task))
    return str(found["agent_name"])


def test_a_switch_holds_for_the_next_task(placement: Page, two_hosts: Nightshift) -> None:
    page = placement
    site = page.locator(".policy")
    for policy, host in (("best_fit", "small"), ("least_loaded", "large")):
        site.get_by_label("Switch to").select_option(policy)
        site.get_by_role("button", name="Switch").click()
        title = policy.replace("_", " ")
        expect(page.locator(".toast")).to_contain_text(f"The policy of the site is now {title}.")
        expect(site.get_by_role("heading")).to_have_text(f"Policy of the site: {title}")
        assert host_of(two_hosts) == host


def test_a_pool_is_switched_by_itself(placement: Page, two_hosts: Nightshift) -> None:
    page, pool = placement, placement.locator("#pool-fast")
    two_hosts.http.patch(f"{two_hosts.url}/api/placement/", json={"policy": "least_loaded"}).raise_for_status()
    pool.get_by_label("Switch to").select_option("best_fit")
    pool.get_by_role("button", name="Switch the policy of fast").click()
    expect(page.locator(".toast")).to_contain_text("The policy of fast is now best fit.")
    assert (host_of(two_hosts, pool="fast"), host_of(two_hosts)) == ("small", "large")


def test_the_sums_follow_what_runs_while_a_form_is_being_filled_in(placement: Page, two_hosts: Nightshift) -> None:
    page, gate = placement, two_hosts.folder / "gate"
    free = page.locator(".sums tbody tr").first.locator("td").nth(1)
    expect(free).to_have_text("36 of 36")
    page.get_by_label("Hours of waiting").fill("12")
    task_id = two_hosts.submit(f"while [ ! -e {gate} ]; do sleep 0.1; done\n", cpu_cores=3)
    expect(free).to_have_text("33 of 36", timeout=20_000)
    expect(page.get_by_label("Hours of waiting")).to_have_value("12")
    gate.touch()
    two_hosts.wait_for(task_id)
    expect(free).to_have_text("36 of 36", timeout=20_000)


def test_wrong_numbers_are_named_at_their_field(placement: Page) -> None:
    page = placement
    page.get_by_label("Hours of waiting").fill("-1")
    page.get_by_role("button", name="Change the rules").click()
    expect(page.locator("#id_ageing_hours_error")).to_contain_text("0.1")
    expect(page.get_by_label("Hours of waiting")).to_have_value("-1")


def test_members_are_picked_in_the_admin(placement: Page, two_hosts: Nightshift) -> None:
    page = placement
    page.locator("#pool-fast").get_by_role("link", name="Edit the pool fast").click()
    page.locator("#id_agents_to").select_option(label="small")
    page.get_by_role("button", name="Remove selected hosts").or_(page.locator("#id_agents_remove")).first.click()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".messagelist")).to_contain_text("changed successfully")
    assert two_hosts.get("/api/pools/fast/")["members"] == ["large"]


def test_the_page_fits_a_narrow_screen(placement: Page) -> None:
    placement.set_viewport_size({"width": 390, "height": 800})
    assert placement.evaluate("document.documentElement.scrollWidth") <= 390
