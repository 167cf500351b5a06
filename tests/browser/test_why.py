"""The part of a task's page that says why it waits: it comes by itself and goes when the task starts."""

import pytest
from playwright.sync_api import Page, expect

from tests.running import Nightshift

pytestmark = pytest.mark.browser

HOST = {"cpu_cores": 2, "memory_mib": 4096, "gpus": [{"name": "Declared GPU", "memory_mib": 49152}]}


def test_it_says_who_has_to_end_and_goes_when_the_task_starts(site_page: Page, nightshift: Nightshift) -> None:
    nightshift.start_agent(HOST, name="gpu-1")
    nightshift.start_agent({"cpu_cores": 8, "memory_mib": 4096}, name="cpu-1")
    gate = nightshift.folder / "gate"
    script = f"while [ ! -e {gate} ]; do sleep 0.05; done\n"
    holder = nightshift.submit(script, name="holder", gpu_count=1, time_limit_seconds=3600)
    nightshift.wait_for(holder, "running")
    waits = nightshift.submit("while true; do sleep 1; done\n", name="waits", gpu_count=1, gpu_memory=40960)
    site_page.goto(f"{nightshift.url}/tasks/{waits}/")
    card = site_page.locator("[data-why]")
    expect(card).to_contain_text("Why does it wait?")
    expect(card.locator('tr[data-host="gpu-1"]')).to_contain_text(f"when #{holder} ends")
    expect(card.locator('tr[data-host="cpu-1"]')).to_contain_text("has no GPU")
    assert site_page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    site_page.set_viewport_size({"width": 400, "height": 800})
    assert site_page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    gate.touch()
    expect(card).to_have_count(0, timeout=30_000)
    nightshift.post(f"/api/tasks/{waits}/cancel/", {"kill_now": True})
    nightshift.wait_for(waits)
