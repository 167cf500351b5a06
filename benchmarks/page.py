"""How long from a printed line until it stands in an open page? Prints median and extremes in milliseconds.

`python -m benchmarks.page --link "$(make -s link)"` beside a running server with a local main agent; needs chromium and
requirements-dev.txt. The script prints its host's clock; the page notes the time at which it first sees each line.
"""

import argparse
import re
import shutil
import statistics

from playwright.sync_api import Page, sync_playwright

from benchmarks.connection import Server

LINES = 20
SCRIPT = f"for i in $(seq {LINES}); do date +at=%s%3N; sleep 0.5; done\n"
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
    parser.add_argument("--link", required=True, help="a sign-in link (make link)")
    found = re.search(r"http\S+/enter/\S+", parser.parse_args().link)
    if found is None:
        raise SystemExit("--link takes what `make link` prints")
    server = Server()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(found.group())
        delays = watched(page, server)
        browser.close()
    later = delays[1:]  # the first line may be older than the page
    print(  # noqa: T201
        f"{len(later)} lines: median {statistics.median(later):.0f} ms, min {min(later)}, max {max(later)}"
    )


def watched(page: Page, server: Server) -> list[int]:
    task_id = server.submit("page latency", SCRIPT)
    page.goto(f"{server.url}/tasks/{task_id}/")
    page.evaluate(WATCH)
    page.wait_for_function("count => Object.keys(window.seen).length >= count", arg=LINES, timeout=60_000)
    seen: dict[str, int] = page.evaluate("window.seen")
    return [seen[at] - int(at) for at in sorted(seen)]


if __name__ == "__main__":
    main()
