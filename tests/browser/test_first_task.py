"""From the link that `make run` prints to the first finished task: no password, no token, no permission question."""

import pytest
from playwright.sync_api import Page, expect

from tests.running import Nightshift

pytestmark = pytest.mark.browser


def test_link_form_output_end(site_page: Page, nightshift: Nightshift) -> None:
    nightshift.start_agent()
    page = site_page
    expect(page.locator("h1")).to_have_text("Tasks")
    expect(page.locator(".empty")).to_contain_text("No tasks yet")
    page.locator(".empty").get_by_role("link", name="New task").click()
    page.wait_for_selector("task-form[data-ready]")
    page.get_by_label("Name", exact=True).fill("my first task")
    page.wait_for_selector("code-editor[data-ready]")
    page.locator(".cm-content").click()
    page.keyboard.press("Control+End")
    page.keyboard.type('echo "hello from $TASK_ID"')
    page.get_by_role("button", name="Submit task").click()
    expect(page.locator("dialog.drawer .pill").first).to_have_text("completed", timeout=30000)
    page.wait_for_function("() => document.querySelector('log-view')?.text?.().includes('hello from 1')")
    page.keyboard.press("Escape")
    expect(page.locator("#task-1 .pill")).to_have_text("completed")
    expect(page.locator('[data-chip-count="completed"]')).to_have_text("1")
    assert page.locator("input[type=password]").count() == 0
