"""What all tests share: fast passwords, the order of tests, real servers, a real browser.

Fixtures: `nightshift` (a real server with an empty database, one for each test file), `fresh_nightshift` (one for each
test), `idle_nightshift` (the same, not started yet), `site_page` (a browser page that is signed in at `nightshift`;
errors in the page fail the test).
"""

import contextlib
import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection

from tests.running import Nightshift, Site, prepare

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--force-color-profile=srgb",
]
TAKE_LONG = ("test_example.py", "test_up.py", "test_pages.py")
NO_CHROMIUM = "BROWSER TESTS SKIPPED: no chromium on this machine (Debian: apt-get install chromium)"


def pytest_configure() -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    _empty_histories_too()
    # Playwright keeps an event loop in the test's thread; Django would refuse the database there.
    os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")


def _empty_histories_too() -> None:
    """Tests that commit end by emptying all tables, which histories refuse: their guards go first. Django sets them
    again afterwards, as after any migration."""
    from django.core.management.commands import flush

    from scheduler_site.shared import append_only

    sql_flush = flush.sql_flush

    def without_guards(*arguments: Any, **options: Any) -> list[str]:
        drops = [statement for rule in append_only.rules() for statement in append_only.without(rule)]
        return [*drops, *sql_flush(*arguments, **options)]

    flush.sql_flush = without_guards


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Quick tests first; browser tests last, because asyncio tests cannot run after Playwright has begun. Of the slow
    ones those that take long come first, so that no process is left with one of them when the others are done.
    """
    items.sort(key=_distance)
    for item in items:
        if _is(item, "browser") and not CHROMIUM:
            item.add_marker(pytest.mark.skip(reason=NO_CHROMIUM))


def _distance(item: pytest.Item) -> tuple[int, bool]:
    kind = 2 if _is(item, "browser") else 1 if _is(item, "acceptance") else 0
    return kind, bool(kind) and item.path.name not in TAKE_LONG


def _is(item: pytest.Item, marker: str) -> bool:
    return item.get_closest_marker(marker) is not None


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if not CHROMIUM:
        terminalreporter.section("browser")
        terminalreporter.write_line(NO_CHROMIUM, yellow=True)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """A thread that outlives its test may hold a connection, and PostgreSQL would then not drop the database."""
    yield
    if connection.vendor == "postgresql":
        others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
        with django_db_blocker.unblock(), connection.cursor() as cursor:
            cursor.execute(f"{others} AND pid <> pg_backend_pid()")


@pytest.fixture(autouse=True)
def calm_pace() -> None:
    """Nobody has called this process lately: the hundreds of hosts of earlier tests would make its deadlines longer."""
    from agents import pace
    from tasks.reporting import report_pace

    for callers in (pace.beats, report_pace.reports):
        callers.expect(0)


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A migrated data folder with tokens, made once for all test processes and copied for each server."""
    is_one_of_several = "PYTEST_XDIST_WORKER" in os.environ
    own = tmp_path_factory.getbasetemp()
    return _prepared_once((own.parent if is_one_of_several else own) / "prepared")


def _prepared_once(folder: Path) -> Site:
    """The first process makes it, the others wait."""
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        secrets = folder / "secrets.json"
        if not secrets.exists():
            secrets.write_text(json.dumps(prepare(folder / "data")))
        return Site(folder / "data", **json.loads(secrets.read_text()))


@pytest.fixture(scope="module")
def nightshift(prepared: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nightshift]:
    """A real server of this test file: url, token, data_dir, submit(), start_agent(), kill_server(), restart()."""
    with _stopped_afterwards(Nightshift(prepared, tmp_path_factory.mktemp("nightshift"))) as running:
        running.start()
        yield running


@pytest.fixture
def idle_nightshift(prepared: Site, tmp_path: Path) -> Iterator[Nightshift]:
    """For one test alone, which starts it with settings of its own."""
    with _stopped_afterwards(Nightshift(prepared, tmp_path / "nightshift")) as idle:
        yield idle


@pytest.fixture
def fresh_nightshift(idle_nightshift: Nightshift) -> Nightshift:
    """Like nightshift, for one test alone."""
    idle_nightshift.start()
    return idle_nightshift


@contextlib.contextmanager
def _stopped_afterwards(nightshift: Nightshift) -> Iterator[Nightshift]:
    try:
        yield nightshift
    finally:
        nightshift.stop()


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    return {**browser_type_launch_args, "executable_path": CHROMIUM, "args": CHROMIUM_FLAGS}


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict[str, Any]) -> dict[str, Any]:
    size = {"width": 1360, "height": 860}
    return {
        **browser_context_args,
        "viewport": size,
        "locale": "en-US",
        "timezone_id": "UTC",
        "reduced_motion": "reduce",
    }


@pytest.fixture
def site_page(nightshift: Nightshift, page: Any) -> Iterator[Any]:
    """Signed in by a real link, at /tasks/. Any error in the page or its console fails the test."""
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if _is_fault(message) else None)
    page.goto(nightshift.sign_in_link())
    yield page
    assert not errors, errors


def _is_fault(message: Any) -> bool:
    """The browser also complains of 422, which is our right answer to a form with wrong values."""
    return message.type == "error" and "the server responded with a status of 422" not in message.text
