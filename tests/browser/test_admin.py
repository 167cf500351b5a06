"""The admin in a browser: our frame around it, the code editor in it, one theme for both, no error in its scripts."""

import pytest
from playwright.sync_api import Page, expect

from tests.running import Nightshift

pytestmark = pytest.mark.browser


def test_the_admin_wears_the_frame_of_the_pages(site_page: Page, nightshift: Nightshift) -> None:
    page = site_page
    page.get_by_role("link", name="Administration").click()
    expect(page.get_by_role("link", name="Administration")).to_have_attribute("aria-current", "page")
    expect(page.locator("#header")).not_to_be_visible()
    page.locator("[data-theme-switch]").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    page.get_by_role("link", name="Overview").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "light")


def test_a_template_is_edited_with_the_code_editor(site_page: Page, nightshift: Nightshift) -> None:
    page = site_page
    page.goto(f"{nightshift.url}/admin/templates_app/scripttemplate/add/")
    page.get_by_label("Name").fill("from-admin")
    page.locator("code-editor .cm-content").click()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text("echo admin\n")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".messagelist")).to_contain_text("was added successfully")
    assert nightshift.get("/api/templates/")["results"][0]["script_content"] == "echo admin\n"


def test_a_task_is_canceled_after_the_question(site_page: Page, nightshift: Nightshift) -> None:
    task_id = nightshift.submit("true\n", name="waits", cpu_cores=1)
    page = site_page
    page.goto(f"{nightshift.url}/admin/tasks/task/")
    page.locator(f'input[name="_selected_action"][value="{task_id}"]').check()
    page.locator('select[name="action"]').first.select_option("cancel")
    page.get_by_role("button", name="Go").first.click()
    expect(page.locator("#content")).to_contain_text("has not started and never will")
    page.get_by_role("button", name="Cancel task").click()
    expect(page.locator(".messagelist")).to_contain_text("1 task canceled")
    assert nightshift.task(task_id)["status"] == "canceled"


def test_the_admin_fits_a_narrow_screen(site_page: Page, nightshift: Nightshift) -> None:
    site_page.set_viewport_size({"width": 390, "height": 800})
    site_page.goto(f"{nightshift.url}/admin/tasks/task/")
    assert site_page.evaluate("document.documentElement.scrollWidth") <= 390
