"""Templates in a browser: examples by one click, a template written in the editor, a task from it."""

import pytest
from playwright.sync_api import Page, expect

from tests.running import Nightshift

pytestmark = pytest.mark.browser


def test_from_the_empty_list_to_a_new_version(site_page: Page, nightshift: Nightshift) -> None:
    page = site_page
    page.goto(f"{nightshift.url}/templates/")
    page.get_by_role("button", name="Add 3 examples").click()
    expect(page.get_by_role("link", name="prepare-data", exact=True)).to_be_visible()

    page.get_by_role("link", name="Add template").click()
    page.get_by_label("Name").fill("sleep")
    editor = page.locator("code-editor .cm-content")
    editor.click()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text("echo from the editor\n")
    page.get_by_label("Time limit").fill("1h30m")
    page.get_by_role("button", name="Add template").click()
    expect(page.locator("h1")).to_have_text("sleep")
    expect(page.locator("code-editor .cm-content")).to_contain_text("echo from the editor")
    expect(page.locator(".facts")).to_contain_text("1 h 30 m")

    page.get_by_role("link", name="Edit").click()
    page.get_by_label("CPU cores").fill("-1")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#id_cpu_cores_error")).to_be_visible()
    page.get_by_label("CPU cores").fill("2")
    page.get_by_label("What changed").fill("two cores")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("table")).to_contain_text("two cores")
    expect(page.get_by_role("link", name="Version 2")).to_be_visible()

    page.get_by_role("link", name="New task from this").click()
    expect(page.locator("code-editor .cm-content")).to_contain_text("echo from the editor")


@pytest.mark.parametrize("path", ["/templates/", "/templates/new/", "/overview/"])
def test_the_pages_fit_a_narrow_screen(site_page: Page, nightshift: Nightshift, path: str) -> None:
    site_page.set_viewport_size({"width": 390, "height": 800})
    site_page.goto(nightshift.url + path)
    assert site_page.evaluate("document.documentElement.scrollWidth") <= 390
