"""The overview in a browser: figures, running tasks and failures change without a reload, focus stays."""

import pytest
from playwright.sync_api import Page, expect

from tests.running import Nightshift

pytestmark = pytest.mark.browser


def test_it_follows_a_task_from_running_to_failed(site_page: Page, nightshift: Nightshift) -> None:
    page = site_page
    nightshift.start_agent({"cpu_cores": 4, "memory_mib": 8192}, name="cpu-1")
    gate = nightshift.folder / "gate"
    page.goto(f"{nightshift.url}/overview/")
    running = page.locator("#tile-running")
    expect(running).to_contain_text("0")
    page.locator("#tile-gpu").focus()
    task_id = nightshift.submit(f"while [ ! -e {gate} ]; do sleep 0.1; done\nexit 3\n", name="train")
    expect(running).to_contain_text("1", timeout=20_000)
    expect(page.locator(f"#chip-{task_id}")).to_contain_text("train")
    expect(page.locator("#tile-gpu")).to_be_focused()
    gate.touch()
    nightshift.wait_for(task_id)
    expect(page.locator(f"#failure-{task_id}")).to_be_visible(timeout=20_000)
    expect(page.locator(".failure-list")).to_contain_text("Exit code 3.")
    expect(running).to_contain_text("0")
    page.locator(f"#failure-{task_id}").click()
    expect(page.locator("h1").first).to_contain_text("train")


def test_a_refresh_that_nobody_asked_for_fails_quietly(page: Page, nightshift: Nightshift) -> None:
    page.goto(nightshift.sign_in_link())
    address = f"{nightshift.url}/overview/"
    page.goto(address)
    page.wait_for_selector("live-part[data-refreshed]")
    page.route(address, lambda route: route.fulfill(status=503))
    with page.expect_response(address, timeout=20_000):
        nightshift.submit("true\n", name="changes the figures")
    page.unroute(address)
    page.route(address, lambda route: route.abort())
    with page.expect_event("requestfailed", timeout=20_000):
        nightshift.submit("true\n", name="changes them again")
    page.unroute(address)
    shown = page.locator("live-part").get_attribute("data-refreshed")
    nightshift.submit("true\n", name="and shows them")
    page.wait_for_function("then => document.querySelector('live-part').dataset.refreshed > then", arg=shown)
    expect(page.locator(".toast")).to_have_count(0)
