"""The task list and the form in a real browser. No agent runs: what waits keeps waiting."""

import pytest
from playwright.sync_api import Page, expect

from tests.running import Nightshift

pytestmark = pytest.mark.browser

TOO_WIDE = """() => [...document.querySelectorAll('main *')]
    .filter(element => element.getBoundingClientRect().right > innerWidth + 1)
    .filter(element => !element.closest('.log-screen'))
    .map(element => element.outerHTML.slice(0, 120))"""


@pytest.fixture(scope="module")
def three(nightshift: Nightshift) -> list[int]:
    """Tasks called alpha, beta and gamma; gamma waits for beta."""
    alpha = nightshift.submit("echo alpha\n", name="alpha", template_type="greek", priority=1)
    beta = nightshift.submit("python train.py\n", name="beta")
    gamma = nightshift.submit("echo gamma\n", name="gamma", depends_on=[beta])
    return [alpha, beta, gamma]


def shown(page: Page) -> list[str]:
    return page.locator("tr[data-task] .task-name").all_inner_texts()


def list_page(page: Page, site: Nightshift, query: str = "") -> Page:
    page.goto(f"{site.url}/tasks/{query}")
    page.wait_for_selector("task-list[data-ready]")
    return page


def test_filters_change_the_table_the_address_and_come_back(
    site_page: Page, nightshift: Nightshift, three: list[int]
) -> None:
    page = list_page(site_page, nightshift)
    page.locator("label.chip", has_text="blocked").click()
    expect(page.locator("tr[data-task]")).to_have_count(1)
    assert page.url.endswith("/tasks/?status=blocked")
    page.get_by_role("searchbox", name="Name, id or host").fill("nothing like it")
    expect(page.locator(".empty")).to_contain_text("No task matches")
    page.reload()
    expect(page.locator(".empty")).to_contain_text("No task matches")
    page.get_by_role("link", name="Clear all filters").click()
    expect(page.locator("tr[data-task]")).to_have_count(3)
    expect(page.get_by_role("searchbox", name="Name, id or host")).to_have_value("")
    page.go_back()
    expect(page.locator(".empty")).to_be_visible()
    expect(page.get_by_role("searchbox", name="Name, id or host")).to_have_value("nothing like it")


def test_script_and_template_type_filters(site_page: Page, nightshift: Nightshift, three: list[int]) -> None:
    page = list_page(site_page, nightshift)
    page.get_by_role("searchbox", name="Text in the script").fill("train.py")
    expect(page.locator("tr[data-task]")).to_have_count(1)
    assert shown(page) == ["beta"]
    page.get_by_role("searchbox", name="Text in the script").fill("")
    expect(page.locator("tr[data-task]")).to_have_count(3)
    page.get_by_role("combobox", name="Template type").select_option("greek")
    expect(page.locator("tr[data-task]")).to_have_count(1)
    assert shown(page) == ["alpha"]


def test_the_drawer_has_the_task_s_own_address(site_page: Page, nightshift: Nightshift, three: list[int]) -> None:
    page = list_page(site_page, nightshift)
    beta, gamma = three[1], three[2]
    page.click(f"#task-{gamma} .task-name a")
    drawer = page.locator("dialog.drawer")
    expect(drawer.locator("h1")).to_contain_text("gamma")
    assert page.url.endswith(f"/tasks/{gamma}/")
    drawer.locator(".edge", has_text="beta").click()
    expect(drawer.locator("h1")).to_contain_text("beta")
    assert page.url.endswith(f"/tasks/{beta}/")
    page.go_back()
    expect(drawer).to_be_hidden()
    assert page.url.endswith("/tasks/")
    page.go_forward()
    expect(drawer.locator("h1")).to_contain_text("beta")
    page.keyboard.press("Escape")
    expect(drawer).to_be_hidden()
    expect(page.locator(f"#task-{beta} .task-name a")).to_be_focused()


def test_a_waiting_task_says_why_in_row_and_drawer(site_page: Page, nightshift: Nightshift, three: list[int]) -> None:
    page = list_page(site_page, nightshift)
    expect(page.locator(f"#task-{three[0]} .why")).to_have_text("No host has connected yet.")
    expect(page.locator(f"#task-{three[2]} .why")).to_contain_text(f"#{three[1]} (waiting)")
    page.click(f"#task-{three[0]} .task-name a")
    expect(page.locator("dialog.drawer .sentence")).to_have_text("No host has connected yet.")
    expect(page.locator("dialog.drawer .log-empty")).to_contain_text("as soon as the task runs")


def test_new_tasks_do_not_move_the_rows(site_page: Page, nightshift: Nightshift, three: list[int]) -> None:
    page = list_page(site_page, nightshift, "?template_type=late")
    expect(page.locator(".empty")).to_be_visible()
    list_page(page, nightshift)
    before = shown(page)
    page.wait_for_function("() => performance.getEntriesByType('resource').length > 0")
    nightshift.submit("true\n", name="latecomer")
    button = page.locator("[data-new-tasks]")
    expect(button).to_have_text("1 new task")
    assert shown(page) == before
    button.click()
    expect(page.locator("tr[data-task]").first).to_contain_text("latecomer")
    expect(button).to_be_hidden()


def test_a_row_changes_in_place(site_page: Page, nightshift: Nightshift) -> None:
    task_id = nightshift.submit("true\n", name="to be canceled")
    page = list_page(site_page, nightshift)
    row = page.locator(f"#task-{task_id}")
    expect(row.locator(".pill")).to_have_text("waiting")
    nightshift.post(f"/api/tasks/{task_id}/cancel/")
    expect(row.locator(".pill")).to_have_text("canceled")
    expect(row.get_by_role("link", name="Run again")).to_be_visible()


def test_keys(site_page: Page, nightshift: Nightshift, three: list[int]) -> None:
    page = list_page(site_page, nightshift)
    page.keyboard.press("j")
    expect(page.locator("tr[data-task]").first.locator(".task-name a")).to_be_focused()
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox", name="Name, id or host")).to_be_focused()
    page.keyboard.type("n?g")
    expect(page.locator("#dialog")).to_be_hidden()
    page.locator("h1").click()
    page.keyboard.press("?")
    expect(page.locator("#dialog")).to_contain_text("New task")
    page.keyboard.press("Escape")
    page.keyboard.press("n")
    page.wait_for_url("**/tasks/new/")


def test_the_form_refuses_and_points_at_the_field(site_page: Page, nightshift: Nightshift) -> None:
    page = site_page
    page.goto(f"{nightshift.url}/tasks/new/")
    page.wait_for_selector("task-form[data-ready]")
    expect(page.locator("#id_name")).to_be_focused()
    page.get_by_role("button", name="Submit task").click()
    expect(page.locator("#id_name_error")).to_have_text("Give the task a name.")
    page.fill("#id_name", "x")
    page.fill("#id_cpu_cores", "-2")
    page.get_by_role("button", name="Submit task").click()
    expect(page.locator("#id_cpu_cores")).to_be_focused()
    expect(page.locator("#id_name_error")).to_have_text("")
    expect(page.locator("#id_name")).not_to_have_attribute("aria-invalid", "true")
    assert page.url.endswith("/tasks/new/")


def test_dependencies_are_checked_while_typing(site_page: Page, nightshift: Nightshift, three: list[int]) -> None:
    page = site_page
    page.goto(f"{nightshift.url}/tasks/new/")
    page.wait_for_selector("task-form[data-ready]")
    page.fill("#id_name", "depends")
    page.locator("#id_depends_on").press_sequentially(f"{three[0]}, 999")
    state = page.locator("#dependency-state")
    expect(state).to_contain_text("alpha")
    expect(state).to_contain_text("There is no task 999.")
    page.get_by_role("button", name="Submit task").click()
    expect(page.locator("#id_depends_on")).to_be_focused()
    assert page.url.endswith("/tasks/new/")


def test_a_template_fills_the_editor_and_the_defaults(site_page: Page, nightshift: Nightshift) -> None:
    body = {
        "name": "llm",
        "script_content": "python llm.py\n",
        "cpu_cores": 4,
        "priority": 2,
        "gpu_memory": 10240,
        "gpu_count": 1,
    }
    nightshift.post("/api/templates/", body)
    page = site_page
    page.goto(f"{nightshift.url}/tasks/new/")
    page.wait_for_selector("code-editor[data-ready]")
    page.wait_for_selector("task-form[data-ready]")
    page.locator("#id_template").select_option(label="llm")
    expect(page.locator(".cm-content")).to_contain_text("python llm.py")
    expect(page.locator("#id_template_type")).to_have_value("llm")
    expect(page.locator("#id_cpu_cores")).to_have_value("4")
    expect(page.locator("#priority-word")).to_have_text("2 high")
    expect(page.locator("#id_gpu_memory_other")).to_have_value("10")
    page.locator(".cm-content").click()
    page.keyboard.press("Control+End")
    page.keyboard.type("echo more")
    page.once("dialog", lambda dialog: dialog.dismiss())
    page.locator("#id_template").select_option(value="")
    page.locator("#id_template").select_option(label="llm")
    expect(page.locator(".cm-content")).to_contain_text("echo more")


def test_ctrl_enter_submits_what_the_editor_holds(site_page: Page, nightshift: Nightshift) -> None:
    page = site_page
    page.goto(f"{nightshift.url}/tasks/new/")
    page.wait_for_selector("code-editor[data-ready]")
    page.wait_for_selector("task-form[data-ready]")
    page.fill("#id_name", "by keyboard")
    page.locator(".cm-content").click()
    page.keyboard.press("Control+a")
    page.keyboard.type("echo typed")
    page.keyboard.press("Control+Enter")
    expect(page.locator("dialog.drawer h1")).to_contain_text("by keyboard")
    expect(page.locator(".toast")).to_contain_text("was submitted")
    task_id = int(page.url.rstrip("/").rpartition("/")[2])
    assert nightshift.task(task_id)["script_content"] == "echo typed\n"


def test_one_switch_for_the_theme_of_pages_and_admin(site_page: Page, nightshift: Nightshift) -> None:
    page = list_page(site_page, nightshift)
    page.get_by_role("button", name="Theme: system").click()
    page.get_by_role("button", name="Theme: light").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.goto(f"{nightshift.url}/admin/")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(page.get_by_role("link", name="Administration")).to_have_attribute("aria-current", "page")


def test_narrow_screens(site_page: Page, nightshift: Nightshift, three: list[int]) -> None:
    site_page.set_viewport_size({"width": 390, "height": 844})
    for path in ("/tasks/", "/tasks/new/", f"/tasks/{three[0]}/"):
        site_page.goto(nightshift.url + path)
        wide = site_page.evaluate(TOO_WIDE)
        assert not wide, f"{path}: {wide}"
    menu = site_page.get_by_role("button", name="Menu")
    expect(site_page.get_by_role("link", name="Agents")).to_be_hidden()
    menu.click()
    expect(site_page.get_by_role("link", name="Agents")).to_be_visible()
