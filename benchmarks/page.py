"""How long from a printed line until its bytes are stored, and until it stands in an open page? A row.

`python -m benchmarks.page` starts Nightshift as `make run` does; needs chromium, requirements-dev.txt and the front-end
bundle (`make assets`). The script prints its host's clock; the reader asks for the log in a tight loop, the page notes
the time at which it first sees each line.
"""

import argparse
import re
import shutil
import time
from collections.abc import Sequence

from playwright.sync_api import Page, sync_playwright

from benchmarks.our_server import OurServer
from benchmarks.rows import quantile, tell

SCRIPT = "for i in $(seq @LINES); do date +at=%s%3N; sleep @SECONDS; done\n"
# Unwatched output is sent at once, but at most once a second: the pace is not what is asked about.
UNWATCHED_SECONDS, WATCHED_SECONDS = 1.2, 0.5
LINE = re.compile(r"at=(\d{13})")
LONGEST_SECONDS = 180.0
WATCH = """() => {
  window.seen = {};
  const look = () => {
    const text = document.querySelector("log-view")?.text?.() ?? "";
    for (const [, at] of text.matchAll(/at=(\\d{13})/g)) window.seen[at] ??= Date.now();
    requestAnimationFrame(look);
  };
  look();
}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=40)
    arguments = parser.parse_args()
    ours = OurServer()
    try:
        ours.up(slots=2)
        stored = _stored(ours, arguments.lines)
        shown = _shown(ours, arguments.lines)
    finally:
        ours.stop()
    tell("page", lines=arguments.lines, **_spread("stored", stored), **_spread("page", shown))


def _script(lines: int, seconds: float) -> str:
    return SCRIPT.replace("@LINES", str(lines)).replace("@SECONDS", str(seconds))


def _stored(ours: OurServer, lines: int) -> list[int]:
    """Milliseconds, of all but the first line: it may be older than the reader."""
    task_id = ours.submit(_script(lines, UNWATCHED_SECONDS))
    seen: dict[str, int] = {}
    deadline = time.monotonic() + LONGEST_SECONDS
    while len(seen) < lines and time.monotonic() < deadline:
        text = ours.http.get(f"{ours.url}/api/tasks/{task_id}/log", timeout=30).text
        for at in LINE.findall(text):
            seen.setdefault(at, int(time.time() * 1000))
        time.sleep(0.005)
    return _delays(seen)


def _shown(ours: OurServer, lines: int) -> list[int]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(ours.sign_in_link())
        delays = _watched(page, ours, lines)
        browser.close()
    return delays


def _watched(page: Page, ours: OurServer, lines: int) -> list[int]:
    task_id = ours.submit(_script(lines, WATCHED_SECONDS))
    page.goto(f"{ours.url}/tasks/{task_id}/")
    page.evaluate(WATCH)
    reached = "count => Object.keys(window.seen).length >= count"
    page.wait_for_function(reached, arg=lines, timeout=1000 * LONGEST_SECONDS)
    seen: dict[str, int] = page.evaluate("window.seen")
    return _delays(seen)


def _delays(seen: dict[str, int]) -> list[int]:
    return [seen[at] - int(at) for at in sorted(seen)][1:]


def _spread(name: str, delays: Sequence[int]) -> dict[str, float]:
    figures = {"p50": quantile(delays, 0.5), "lo": min(delays), "hi": max(delays)}
    return {f"{name}_{figure}_ms": milliseconds for figure, milliseconds in figures.items()}


if __name__ == "__main__":
    main()
