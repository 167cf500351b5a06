"""The corpus shown on every page in a real browser: no script runs, no dialog opens, nothing is fetched elsewhere."""

from typing import Any

import pytest
from playwright.sync_api import Page

from tests.hostile.site import fill
from tests.running import Nightshift

pytestmark = pytest.mark.browser

WATCH = """
window.__violations = [];
document.addEventListener('securitypolicyviolation', event => {
    window.__violations.push(event.blockedURI + ' ' + event.violatedDirective);
});
"""
LOOK = """() => ({
    pwned: window.__pwned ?? null,
    hostile: [...document.querySelectorAll('[data-hostile]')].map(one => one.outerHTML.slice(0, 200)),
    violations: window.__violations,
    links: [...document.querySelectorAll('a[href], form[action]')]
        .map(one => one.getAttribute('href') ?? one.getAttribute('action'))
        .filter(address => /^\\s*(javascript|data|vbscript):|^\\s*([a-z]+:)?[\\\\/]{2}hostile/i.test(address)),
})"""


class Watched:
    """A page, and what went wrong on it."""

    def __init__(self, page: Page, url: str) -> None:
        self.page, self.url = page, url
        self.wrong: list[str] = []
        page.add_init_script(WATCH)
        page.on("dialog", self._dialog)
        page.on("request", lambda request: self._request(request.url))
        page.on("pageerror", lambda error: self.wrong.append(f"{page.url}: {error}"))

    def _dialog(self, dialog: Any) -> None:
        self.wrong.append(f"{self.page.url}: dialog {dialog.message}")
        dialog.dismiss()

    def _request(self, url: str) -> None:
        if not url.startswith((self.url + "/", self.url.replace("http", "ws") + "/", "data:image/")):
            self.wrong.append(f"{self.page.url}: fetched {url}")

    def look(self, path: str, ready: str = "") -> None:
        reply = self.page.goto(self.url + path)
        assert reply is not None
        assert reply.status == 200, path
        if ready:
            self.page.wait_for_selector(ready)
        self.page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
        found = self.page.evaluate(LOOK)
        self.wrong += [f"{path}: {name} {value}" for name, value in found.items() if value]


def test_nothing_hostile_comes_alive(nightshift: Nightshift, page: Page, tmp_path: Any) -> None:
    made = fill(nightshift, tmp_path)
    assert len(made["named"]) > 150
    assert len(made["detailed"]) > 10
    assert len(made["templates"]) > 10
    watched = Watched(page, nightshift.url)
    page.goto(nightshift.sign_in_link())
    for number in range(1, len(made["named"]) // 50 + 2):
        watched.look(f"/tasks/?page={number}")
    ran = made["ran"][0]
    watched.look(f"/tasks/{ran}/", "log-view[data-ended]")
    assert page.evaluate("document.querySelector('log-view').text().includes('<script data-hostile>')")
    for path in paths(made):
        watched.look(path)
    assert watched.wrong == []


def paths(made: dict[str, list[int]]) -> list[str]:
    some, template = made["detailed"], made["templates"][0]
    return [
        *(f"/tasks/{task}/" for task in some[::3]),
        f"/tasks/{some[0]}/why/",
        f"/tasks/{made['named'][0]}/cancel/",
        *(f"/tasks/new/?from={task}" for task in some[1::4]),
        f"/tasks/new/?template={template}",
        "/agents/",
        "/placement/",
        "/reservations/",
        "/overview/",
        "/templates/",
        *(f"/templates/{one}/" for one in made["templates"][::4]),
        f"/templates/{template}/edit/",
        "/admin/tasks/task/",
        f"/admin/tasks/task/{some[0]}/change/",
        "/admin/agents/agent/",
        "/admin/tasks/reservation/",
        "/admin/templates_app/scripttemplate/",
        f"/admin/templates_app/scripttemplate/{template}/change/",
    ]
