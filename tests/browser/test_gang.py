"""A gang in a real browser: its hosts by rank, and the output of each."""

import pytest
from playwright.sync_api import Page, expect

from tests.running import Nightshift

pytestmark = pytest.mark.browser

MACHINE = {"cpu_cores": 4, "memory_mib": 8192}
LOG_TEXT = "() => document.querySelector('log-view').text()"
LOG_HAS = "words => document.querySelector('log-view')?.text?.().includes(words)"


def test_the_output_of_each_rank_can_be_chosen(site_page: Page, nightshift: Nightshift) -> None:
    for number in (1, 2):
        nightshift.start_agent(MACHINE, name=f"gang-{number}")
    task_id = nightshift.submit("echo this is rank $NODE_RANK\n", node_count=2)
    nightshift.wait_for(task_id, "completed")
    site_page.goto(f"{nightshift.url}/tasks/{task_id}/")
    site_page.wait_for_function(LOG_HAS, arg="this is rank 0")
    site_page.get_by_label("Rank", exact=True).select_option("1")
    site_page.wait_for_function(LOG_HAS, arg="this is rank 1")
    assert "this is rank 0" not in site_page.evaluate(LOG_TEXT)
    expect(site_page.locator("[data-fold=hosts]")).to_contain_text("Rank 1")
    expect(site_page.locator(".log-bar a.button", has_text="Raw")).to_have_attribute(
        "href", f"/api/tasks/{task_id}/log?attempt_no=1&stream=out&rank=1"
    )
