"""Reserve by the form, see it on the list and on the host's card, give it back; in a real browser, never too wide."""

from typing import Any

import pytest

from tests.running import Nightshift

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]
HOST = {"cpu_cores": 8, "memory_mib": 32768, "gpus": [{"name": "Declared GPU", "memory_mib": 12288} for _ in range(2)]}


def test_a_card_is_reserved_and_given_back(nightshift: Nightshift, site_page: Any) -> None:
    nightshift.start_agent(HOST, name="gpu-1")
    site_page.goto(f"{nightshift.url}/reservations/new/?host=gpu-1&gpu=1")
    site_page.fill("#id_duration_seconds", "2h")
    site_page.click("form .button.primary")
    site_page.wait_for_selector("text=Holds GPU 1 on gpu-1")
    site_page.set_viewport_size({"width": 400, "height": 900})
    assert site_page.evaluate("document.documentElement.scrollWidth") <= 400
    site_page.goto(f"{nightshift.url}/agents/")
    site_page.wait_for_selector("a.badge:text('reserved')")
    site_page.goto(f"{nightshift.url}/reservations/")
    site_page.click("text=Release")
    site_page.click("dialog .button.danger")
    site_page.wait_for_selector("text=Nothing is reserved")
