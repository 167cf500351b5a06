"""Saying where a task may run: refused with the nearest thing, then queued for a future host; what was asked for is
shown and copied."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_accessible import AXE, faults
from tests.running import Nightshift

pytestmark = pytest.mark.browser

CARD = {"uuid": "GPU-0", "name": "NVIDIA A40", "memory_mib": 49152}


def open_form(page: Page, nightshift: Nightshift, query: str = "") -> None:
    page.goto(f"{nightshift.url}/tasks/new/{query}")
    page.wait_for_selector("task-form[data-ready]")
    page.wait_for_selector("code-editor[data-ready]")


def write_script(page: Page) -> None:
    page.get_by_label("Name", exact=True).fill("big one")
    page.locator(".cm-content").click()
    page.keyboard.press("Control+End")
    page.keyboard.type("true")


def test_a_refused_task_can_wait_for_a_future_host(site_page: Page, nightshift: Nightshift) -> None:
    nightshift.start_agent({"cpu_cores": 16, "memory_mib": 65536, "gpus": [CARD]}, name="gpu-1")
    page = site_page
    open_form(page, nightshift)
    placement = page.locator("details.placement")
    expect(placement).not_to_have_attribute("open", "")
    write_script(page)
    page.get_by_label("GPUs", exact=True).fill("2")
    placement.locator("summary").click()
    page.get_by_label("GPU type").fill("a40")
    page.get_by_label("Requires").fill("linux & !(old | slow)")
    page.get_by_role("button", name="Submit task").click()
    wrong = page.locator("#id_gpu_count_error")
    expect(wrong).to_contain_text("No known host has 2 GPUs of type a40; the nearest is gpu-1 with 1 GPU of 48 GiB")
    expect(placement).to_have_attribute("open", "")
    if AXE.exists():
        assert faults(page) == []
    page.get_by_label("Wait for a future host").check()
    page.get_by_role("button", name="Submit task").click()
    page.wait_for_url("**/tasks/#task-1")
    task = nightshift.task(1)
    assert (task["gpu_types"], task["requires"], task["wait_for_host"]) == (["a40"], "linux & !(old | slow)", True)


def test_what_was_asked_for_is_shown_and_copied(site_page: Page, nightshift: Nightshift) -> None:
    asked = {"requires": "linux", "exclude_hosts": ["gpu-9"], "resources": {"matlab": 2}, "wait_for_host": True}
    task_id = nightshift.submit("true\n", name="choosy", deadline_at="2099-01-01T00:00:00Z", **asked)
    page = site_page
    page.goto(f"{nightshift.url}/tasks/{task_id}/")
    page.locator("details[data-fold=more] summary").click()
    expect(page.locator("dl.pairs")).to_contain_text("moves it forward within its priority")
    expect(page.locator("dl.pairs")).to_contain_text("2 matlab")
    open_form(page, nightshift, f"?from={task_id}")
    expect(page.get_by_label("Counted resources")).to_have_value("matlab=2")
    expect(page.get_by_label("Not these hosts")).to_have_value("gpu-9")
    expect(page.get_by_label("Wait for a future host")).to_be_checked()


@pytest.mark.parametrize("width", [400, 1280])
def test_nothing_sticks_out(site_page: Page, nightshift: Nightshift, width: int) -> None:
    page = site_page
    page.set_viewport_size({"width": width, "height": 900})
    open_form(page, nightshift)
    page.locator("details.placement summary").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_lines_for_slurm_are_not_ignored_silently(site_page: Page, nightshift: Nightshift) -> None:
    open_form(site_page, nightshift)
    note = site_page.get_by_text("have no effect here")
    expect(note).to_be_hidden()
    site_page.locator(".cm-content").click()
    site_page.keyboard.press("Control+a")
    site_page.keyboard.insert_text("#!/bin/bash\n#SBATCH --gres=gpu:2\npython train.py\n")
    expect(note).to_be_visible()
