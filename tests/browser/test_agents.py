"""The agents page in a browser: hosts and sub agents come, change and go without a reload, and staff act from there."""

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.running import AgentProcess, Nightshift

pytestmark = pytest.mark.browser

MACHINE = {
    "cpu_cores": 8,
    "memory_mib": 32768,
    "repeat_seconds": 8,
    "gpus": [{"name": "Pretend A100", "memory_mib": 40960}, {"name": "Pretend A100", "memory_mib": 40960}],
    "usage": [
        {"at_seconds": 0, "cpu_usage": 5, "memory_used_mib": 4096, "gpus": [{"memory_used_mib": 1024}, {}]},
        {"at_seconds": 4, "cpu_usage": 65, "memory_used_mib": 8192, "gpus": [{"memory_used_mib": 20480}, {}]},
    ],
}
HOLD = "while [ ! -e {} ]; do sleep 0.1; done\n"


@pytest.fixture(scope="module")
def host(nightshift: Nightshift) -> AgentProcess:
    return nightshift.start_agent(MACHINE, name="gpu-1")


@pytest.fixture
def agents_page(site_page: Page, nightshift: Nightshift, host: AgentProcess) -> Page:
    assert host.is_alive()
    site_page.goto(f"{nightshift.url}/agents/")
    return site_page


def card(page: Page) -> Any:
    return page.locator(".main-agent", has_text="gpu-1")


def refreshed(page: Page, times: int = 1) -> None:
    """Waits until the page has asked for new figures `times` more."""
    now = page.evaluate("Number(document.querySelector('agent-live').dataset.refreshed ?? 0)")
    page.wait_for_function(
        "wanted => Number(document.querySelector('agent-live').dataset.refreshed) >= wanted", arg=now + times
    )


def test_figures_change_in_place(agents_page: Page) -> None:
    expect(card(agents_page)).to_contain_text("Pretend A100")
    page = agents_page
    page.evaluate("document.querySelector('.main-agent').untouched = true")
    cpu = card(page).locator('[data-f="cpu_usage"]')
    expect(cpu).to_have_text("5 %", timeout=20_000)
    expect(cpu).to_have_text("65 %", timeout=20_000)
    expect(card(page).locator('[data-f="gpu_memory"]').first).to_have_text("20 / 40 GiB")
    expect(card(page).locator('[data-bar="gpu_memory"]').first).to_have_attribute("aria-valuenow", "50")
    assert page.evaluate("document.querySelector('.main-agent').untouched") is True


def test_a_sub_agent_comes_and_goes_and_focus_stays(agents_page: Page, nightshift: Nightshift) -> None:
    page = agents_page
    gate = nightshift.folder / "gate"
    pause = card(page).get_by_role("link", name="Pause")
    pause.focus()
    task_id = nightshift.submit(HOLD.format(gate), name="train", cpu_cores=2.5, gpu_count=1)
    sub = page.locator(".sub-agent", has_text=f"Task #{task_id} train")
    expect(sub).to_contain_text("running", timeout=20_000)
    expect(sub).to_contain_text("2.5")
    expect(card(page).locator('[data-f="cpu_cores_in_use"]')).to_have_text("2.5")
    expect(card(page).locator('[data-f="available_cpu_cores"]')).to_have_text("5.5")
    expect(card(page).get_by_role("link", name=f"Task {task_id} on GPU")).to_be_visible()
    expect(sub.locator('[data-f="process_count"]')).to_have_text(re.compile(r"\d"), timeout=20_000)
    expect(pause).to_be_focused()
    gate.touch()
    nightshift.wait_for(task_id)
    expect(sub).to_have_count(0, timeout=20_000)
    expect(card(page).locator('[data-f="cpu_cores_in_use"]')).to_have_text("0")


def test_pause_and_resume_ask_first(agents_page: Page, nightshift: Nightshift) -> None:
    page = agents_page
    card(page).get_by_role("link", name="Pause").click()
    dialog = page.locator("dialog#dialog")
    expect(dialog).to_contain_text("Pause host gpu-1?")
    dialog.get_by_role("link", name="Leave it").click()
    expect(dialog).not_to_be_visible()
    card(page).get_by_role("link", name="Pause").click()
    dialog.get_by_label("Reason").fill("new fans")
    dialog.get_by_role("button", name="Pause host").click()
    expect(card(page).get_by_text("paused", exact=True)).to_be_visible(timeout=20_000)
    expect(page.locator(".toast")).to_contain_text("gpu-1 is paused.")
    card(page).get_by_role("link", name="Resume").click()
    dialog.get_by_role("button", name="Resume host").click()
    expect(card(page).get_by_role("link", name="Pause")).to_be_visible(timeout=20_000)
    assert nightshift.get("/api/agents/")["results"][0]["standing"] == "active"


def test_a_host_added_by_the_dialog_joins_the_open_page(agents_page: Page, nightshift: Nightshift) -> None:
    page = agents_page
    page.get_by_role("link", name="Add a host").click()
    dialog = page.locator("dialog#dialog")
    dialog.get_by_label("What for").fill("  ")
    dialog.get_by_role("button", name="Make the token").click()
    expect(dialog).to_contain_text("This field is required.")
    dialog.get_by_label("What for").fill("rack 2")
    dialog.get_by_role("button", name="Make the token").click()
    command = dialog.locator("pre.command")
    expect(command).to_contain_text(f"nightshift agent --server {nightshift.url} --token-file nightshift-token")
    dialog.get_by_role("button", name="Copy").click()
    expect(dialog.get_by_role("button", name=re.compile("Copied|Selected"))).to_be_visible()
    dialog.get_by_role("link", name="Done").click()
    nightshift.start_agent({"cpu_cores": 2, "memory_mib": 1024}, name="late-comer")
    expect(page.locator(".main-agent", has_text="late-comer")).to_be_visible(timeout=20_000)
    assert page.locator(".main-agent").count() == 2


def test_nothing_is_drawn_again_while_only_figures_change(agents_page: Page) -> None:
    page = agents_page
    drawn: list[str] = []
    page.on("request", lambda request: drawn.append(request.url) if request.url.endswith("/agents/") else None)
    refreshed(page, 2)
    assert {url for url in drawn if "/api/" not in url} == set()


def test_the_page_fits_a_narrow_screen(agents_page: Page) -> None:
    agents_page.set_viewport_size({"width": 390, "height": 800})
    assert agents_page.evaluate("document.documentElement.scrollWidth") <= 390
