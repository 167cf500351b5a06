"""A running task in a real browser: its output as it is printed, its end without a reload. Real server, real agent."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.running import Nightshift
from tests.waiting import wait_until

pytestmark = pytest.mark.browser

LOG_HAS = "words => document.querySelector('log-view')?.text?.().includes(words)"
LOG_TEXT = "() => document.querySelector('log-view').text()"
ENDED = "() => document.querySelector('log-view')?.hasAttribute('data-ended')"


@pytest.fixture(scope="module")
def host(nightshift: Nightshift) -> Any:
    return nightshift.start_agent()


@pytest.fixture
def patient_page(nightshift: Nightshift, page: Page) -> Iterator[Page]:
    """Signed in; the console may complain of a server that is away, but nothing may be thrown."""
    thrown: list[str] = []
    page.on("pageerror", lambda error: thrown.append(str(error)))
    page.goto(nightshift.sign_in_link())
    yield page
    assert not thrown, thrown


def open_task(page: Page, task_id: int) -> None:
    page.click(f"tr[data-task='{task_id}'] a[data-open-task] >> nth=0")
    expect(page.locator("dialog.drawer h1")).to_contain_text(f"#{task_id}")


@pytest.mark.usefixtures("host")
def test_lines_appear_while_the_script_runs(site_page: Page, nightshift: Nightshift, tmp_path: Any) -> None:
    gate = tmp_path / "gate"
    script = f"echo first line\nuntil [ -e {gate} ]; do sleep 0.05; done\necho second line\n"
    task_id = nightshift.submit(script, name="talks")
    nightshift.wait_for(task_id, "running")
    site_page.goto(f"{nightshift.url}/tasks/")
    open_task(site_page, task_id)
    site_page.wait_for_function(LOG_HAS, arg="first line")
    assert "second line" not in site_page.evaluate(LOG_TEXT)
    gate.touch()
    site_page.wait_for_function(LOG_HAS, arg="second line")
    expect(site_page.locator("dialog.drawer .pill").first).to_have_text("completed")
    expect(site_page.locator(f"tr[data-task='{task_id}'] .pill")).to_have_text("completed")
    site_page.wait_for_function(ENDED)


@pytest.mark.usefixtures("host")
def test_a_failure_shows_red_without_a_reload(site_page: Page, nightshift: Nightshift, tmp_path: Any) -> None:
    gate = tmp_path / "gate"
    script = f"seq 1 300\nuntil [ -e {gate} ]; do sleep 0.05; done\necho about to fail\nexit 7\n"
    task_id = nightshift.submit(script, name="fails")
    nightshift.wait_for(task_id, "running")
    site_page.goto(f"{nightshift.url}/tasks/{task_id}/")
    expect(site_page.locator(".note.failure")).to_have_count(0)
    gate.touch()
    expect(site_page.locator(".note.failure")).to_contain_text("Exit code 7")
    site_page.wait_for_function(LOG_HAS, arg="about to fail")
    at_end = "() => { const t = document.querySelector('log-view').terminal; return t.isAtEnd; }"
    site_page.wait_for_function(at_end)


@pytest.mark.usefixtures("host")
def test_colours_progress_bars_and_broken_utf8(site_page: Page, nightshift: Nightshift) -> None:
    script = (
        "for i in 10 50 100; do printf 'progress %3d%%\\r' $i; done; printf '\\n'\n"
        "printf '\\033[31mred words\\033[0m\\n'\n"
        "printf 'split \\344\\270'; sleep 0.5; printf '\\255 joined\\n'\n"
        "printf 'broken \\377 byte\\n'\n"
        "echo the end\n"
    )
    task_id = nightshift.submit(script, name="colourful")
    site_page.goto(f"{nightshift.url}/tasks/{task_id}/")
    site_page.wait_for_function(LOG_HAS, arg="the end")
    lines = site_page.evaluate(LOG_TEXT).split("\n")
    assert lines == ["progress 100%", "red words", "split \u4e2d joined", "broken \ufffd byte", "the end"]
    cell = "() => document.querySelector('log-view').terminal.term.buffer.active.getLine(1).getCell(0).getFgColor()"
    assert site_page.evaluate(cell) == 1


@pytest.mark.usefixtures("host")
def test_a_long_log_shows_its_end_and_loads_earlier_output(site_page: Page, nightshift: Nightshift) -> None:
    script = "seq 1 600000 | sed 's/^/line /'\n"  # about 7 MB
    task_id = nightshift.submit(script, name="long")
    nightshift.wait_for(task_id)
    wait_until(lambda: nightshift.log(task_id).endswith(b"line 600000\n"), 60, "all of the output")
    site_page.goto(f"{nightshift.url}/tasks/{task_id}/")
    site_page.wait_for_function(LOG_HAS, arg="line 600000")
    first = site_page.evaluate(LOG_TEXT).split("\n")[0]
    assert first.startswith("line ")
    assert first != "line 1"
    site_page.get_by_role("button", name="Load earlier").click()
    site_page.wait_for_function("() => document.querySelector('log-view').source.window.start === 0")
    site_page.wait_for_function(LOG_HAS, arg="line 600000")


@pytest.mark.usefixtures("host")
def test_search_counts_and_steps(site_page: Page, nightshift: Nightshift) -> None:
    task_id = nightshift.submit("for i in 1 2 3; do echo needle $i; echo hay; done\n", name="haystack")
    site_page.goto(f"{nightshift.url}/tasks/{task_id}/")
    site_page.wait_for_function(LOG_HAS, arg="needle 3")
    search = site_page.get_by_role("searchbox", name="Search the log")
    search.fill("needle")
    expect(site_page.locator(".log-search [role=status]")).to_contain_text("of 3")
    search.fill("nothing like it")
    expect(site_page.locator(".log-search [role=status]")).to_have_text("not found")


@pytest.mark.usefixtures("host")
def test_follow_stops_when_scrolled_up_and_jumps_back(site_page: Page, nightshift: Nightshift, tmp_path: Any) -> None:
    gate = tmp_path / "gate"
    script = f"seq 1 500\nuntil [ -e {gate} ]; do sleep 0.05; done\nseq 501 520\necho over\n"
    task_id = nightshift.submit(script, name="scrolls")
    site_page.goto(f"{nightshift.url}/tasks/{task_id}/")
    site_page.wait_for_function(LOG_HAS, arg="500")
    site_page.locator(".log-terminal").hover()
    site_page.mouse.wheel(0, -2000)
    follow = site_page.get_by_role("checkbox", name="Follow")
    expect(follow).not_to_be_checked()
    gate.touch()
    site_page.wait_for_function(LOG_HAS, arg="over")
    jump = site_page.get_by_role("button", name="Jump to the end")
    expect(jump).to_contain_text("new lines")
    jump.click()
    expect(follow).to_be_checked()
    expect(jump).to_be_hidden()


@pytest.mark.usefixtures("host")
def test_the_server_goes_and_comes_back(patient_page: Page, nightshift: Nightshift, tmp_path: Any) -> None:
    gate = tmp_path / "gate"
    script = f"echo before\nuntil [ -e {gate} ]; do sleep 0.05; done\necho after\n"
    task_id = nightshift.submit(script, name="survives")
    nightshift.wait_for(task_id, "running")
    patient_page.goto(f"{nightshift.url}/tasks/{task_id}/")
    patient_page.wait_for_function(LOG_HAS, arg="before")
    nightshift.restart()
    gate.touch()
    patient_page.wait_for_function(LOG_HAS, arg="after", timeout=60000)
    expect(patient_page.locator(".task-head .pill")).to_have_text("completed", timeout=60000)
    expect(patient_page.locator("[data-away]")).to_be_hidden(timeout=60000)  # it asks ever more rarely


@pytest.mark.usefixtures("host")
def test_cancel_asks_and_then_stops_the_script(site_page: Page, nightshift: Nightshift) -> None:
    task_id = nightshift.submit("echo started; sleep 600\n", name="sleeps")
    nightshift.wait_for(task_id, "running")
    site_page.goto(f"{nightshift.url}/tasks/")
    row = site_page.locator(f"tr[data-task='{task_id}']")
    row.get_by_role("link", name="Cancel").click()
    dialog = site_page.locator("#dialog")
    expect(dialog).to_contain_text("sleeps")
    expect(dialog.get_by_role("link", name="Keep running")).to_be_focused()
    dialog.get_by_role("link", name="Keep running").click()
    expect(dialog).to_be_hidden()
    assert nightshift.task(task_id)["status"] == "running"
    row.get_by_role("link", name="Cancel").click()
    dialog.get_by_role("button", name="Cancel task").dblclick()  # asking twice would kill at once
    expect(site_page.locator(".toast")).to_contain_text("sleeps")
    expect(row.locator(".pill")).to_have_text("canceled", timeout=30000)
    site_page.goto(f"{nightshift.url}/tasks/{task_id}/")
    site_page.get_by_text("History", exact=True).click()
    expect(site_page.locator(".history li", has_text="cancel_requested")).to_have_count(1)


class Ways:
    """By which ways a page got the output of a task."""

    def __init__(self, page: Page) -> None:
        self.by_socket: list[bytes] = []
        self.by_http: list[str] = []
        page.on("websocket", self._listen)
        page.on("request", self._note)

    def _listen(self, socket: Any) -> None:
        socket.on("framereceived", lambda data: self.by_socket.append(data) if isinstance(data, bytes) else None)

    def _note(self, request: Any) -> None:
        if request.method == "GET" and request.url.partition("?")[0].endswith("/log"):
            self.by_http.append(request.url)


def counting(gate: Any, most: int) -> str:
    """A script that prints a number for each that is appended to `gate`."""
    wait = f"until [ $(wc -l < {gate}) -ge $i ]; do sleep 0.02; done"
    return f"touch {gate}\nfor i in $(seq {most}); do {wait}; echo line $i.; done\n"


def step(gate: Any) -> None:
    with gate.open("a") as file:
        file.write("\n")


@pytest.mark.usefixtures("host")
def test_output_is_followed_over_the_socket(site_page: Page, nightshift: Nightshift, tmp_path: Any) -> None:
    ways = Ways(site_page)
    gate = tmp_path / "gate"
    task_id = nightshift.submit(counting(gate, 6), name="counts")
    nightshift.wait_for(task_id, "running")
    site_page.goto(f"{nightshift.url}/tasks/{task_id}/")
    wait_until(gate.exists)
    for number in range(1, 7):
        step(gate)
        site_page.wait_for_function(LOG_HAS, arg=f"line {number}.")
    site_page.wait_for_function(ENDED)
    assert site_page.evaluate(LOG_TEXT).split("\n") == [f"line {number}." for number in range(1, 7)]
    assert len(ways.by_socket) >= 4
    assert b"line 6." in ways.by_socket[-1]


class HeldSummary:
    """The first piece about the task that the page asks for: as the server made it, but not handed over yet."""

    def __init__(self, page: Page) -> None:
        self.held: list[tuple[Any, Any]] = []
        page.route("**/summary/", self._hold)

    def _hold(self, route: Any) -> None:
        if self.held:
            route.continue_()
        else:
            self.held.append((route, route.fetch()))

    def hand_over(self) -> None:
        route, response = self.held[0]
        route.fulfill(response=response)


@pytest.mark.usefixtures("host")
def test_what_a_message_overtook_changes_nothing(site_page: Page, nightshift: Nightshift, tmp_path: Any) -> None:
    """The page was told of the first attempt, and then gets a piece that was made before there was one."""
    ways, summary, gate = Ways(site_page), HeldSummary(site_page), tmp_path / "gate"
    task_id = nightshift.submit(counting(gate, 5), name="overtakes")
    nightshift.wait_for(task_id, "running")
    site_page.goto(f"{nightshift.url}/tasks/{task_id}/")
    wait_until(gate.exists)
    while not summary.held:
        site_page.wait_for_event("request")
    step(gate)
    site_page.wait_for_function(LOG_HAS, arg="line 1.")
    with site_page.expect_response("**/summary/"):
        summary.hand_over()
    for number in range(2, 6):
        step(gate)
        site_page.wait_for_function(LOG_HAS, arg=f"line {number}.")
    assert len(ways.by_socket) >= 4
    assert b"line 5." in ways.by_socket[-1]


@pytest.mark.usefixtures("host")
def test_where_the_socket_breaks_output_is_whole(patient_page: Page, nightshift: Nightshift, tmp_path: Any) -> None:
    """It goes with a question on the way, and does not come back for a while."""
    gate = tmp_path / "gate"
    ways = Ways(patient_page)
    is_away: list[bool] = []

    def between(page_side: Any) -> None:
        if is_away:
            page_side.close()
            return
        server_side = page_side.connect_to_server()

        def pass_on(message: Any) -> None:
            if is_away and "read" in message:
                page_side.close()
            else:
                server_side.send(message)

        page_side.on_message(pass_on)

    patient_page.route_web_socket("**/ws/live/", between)
    task_id = nightshift.submit(counting(gate, 8), name="survives a broken socket")
    nightshift.wait_for(task_id, "running")
    patient_page.goto(f"{nightshift.url}/tasks/{task_id}/")
    wait_until(gate.exists)
    for number in range(1, 9):
        if number == 4:
            is_away.append(True)
        step(gate)
        patient_page.wait_for_function(LOG_HAS, arg=f"line {number}.", timeout=60000)
    assert ways.by_http
    assert patient_page.evaluate(LOG_TEXT).split("\n") == [f"line {number}." for number in range(1, 9)]
