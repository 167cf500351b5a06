"""axe-core on the task pages, in both themes: labels, contrast, roles. Skipped without the front end's packages."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.running import ROOT, Nightshift

AXE = ROOT / "static" / "node_modules" / "axe-core" / "axe.min.js"
RUN = "() => axe.run(document, {runOnly: ['wcag2a', 'wcag2aa']})"

pytestmark = [pytest.mark.browser, pytest.mark.skipif(not Path(AXE).exists(), reason="axe-core is not installed")]


@pytest.fixture(scope="module")
def tasks(nightshift: Nightshift) -> list[int]:
    agent = nightshift.start_agent()
    assert agent.is_alive()
    done = nightshift.submit(
        "printf '\\033[31mred\\033[0m\\n'; exit 3\n", name="fails", priority=1, environment={"A": "1"}
    )
    nightshift.wait_for(done)
    later = nightshift.submit("true\n", name="waits", gpu_count=0, depends_on=[{"id": done, "kind": "afterany"}])
    return [done, later]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("path", ["/tasks/", "/tasks/?name=zzz", "/tasks/new/", "/tasks/{}/", "/tasks/{}/cancel/"])
def test_axe_finds_nothing(site_page: Page, nightshift: Nightshift, tasks: list[int], path: str, theme: str) -> None:
    site_page.add_init_script(f"localStorage.theme = '{theme}'")
    site_page.goto(nightshift.url + path.format(tasks[0]))
    for tag in ("task-list", "task-form"):
        if site_page.locator(tag).count():
            site_page.wait_for_selector(f"{tag}[data-ready]")
    if "{}" in path and "cancel" not in path:
        site_page.wait_for_function("() => document.querySelector('log-view')?.hasAttribute('data-ended')")
        site_page.locator("details[data-fold=more] summary").click()
    assert faults(site_page) == []


def faults(page: Page) -> list[Any]:
    page.evaluate(AXE.read_text())
    found = page.evaluate(RUN)
    assert len(found["passes"]) > 10, "axe looked at nothing"
    violations = found["violations"]
    return [(one["id"], [node["html"][:160] for node in one["nodes"][:3]]) for one in violations]
