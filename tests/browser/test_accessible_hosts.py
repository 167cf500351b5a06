"""axe-core on agents, templates, overview and the admin, light and dark."""

from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.browser.test_accessible import AXE, faults
from tests.running import Nightshift

pytestmark = [pytest.mark.browser, pytest.mark.skipif(not Path(AXE).exists(), reason="axe-core is not installed")]

PATHS = [
    "/agents/",
    "/agents/add/",
    "/overview/",
    "/placement/",
    "/templates/",
    "/templates/1/",
    "/templates/1/edit/",
    "/templates/new/",
]


@pytest.fixture(scope="module")
def busy(nightshift: Nightshift) -> Nightshift:
    """A host with GPUs that runs a task, one failed task and a template."""
    card = {"name": "Pretend A100", "memory_mib": 40960}
    nightshift.start_agent({"cpu_cores": 4, "memory_mib": 8192, "gpus": [card, card]}, name="gpu-1")
    nightshift.wait_for(nightshift.submit("exit 3\n", name="fails"))
    nightshift.wait_for(nightshift.submit("sleep 600\n", name="train", gpu_count=1), "running")
    nightshift.post("/api/pools/", {"name": "fast", "members": ["gpu-1"], "policy": "random"})
    nightshift.post("/api/templates/", {"name": "train", "script_content": "echo train\n"})
    return nightshift


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("path", PATHS)
def test_axe_finds_nothing(site_page: Page, busy: Nightshift, path: str, theme: str) -> None:
    site_page.add_init_script(f"localStorage.theme = '{theme}'")
    site_page.goto(busy.url + path)
    if site_page.locator("code-editor").count():
        site_page.wait_for_selector("code-editor[data-ready]")
    assert faults(site_page) == []
