"""The watcher as a process of its own, with small programs in the places of server and agent."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scheduler_site.up import site_lock
from scheduler_site.up.plan import Plan, read
from tests.running import ROOT, free_port
from tests.waiting import wait_until

SERVER = """
import http.server, sys
class Well(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Well).serve_forever()
"""
BECOME = """
import json, os, signal, sys
from pathlib import Path
from scheduler_site.up import site_lock
from scheduler_site.up.hand_over import become_watcher
from scheduler_site.up.plan import Plan
values = json.loads(sys.argv[1])
lock = site_lock.hold(Path(values["data_dir"]))
if "talks" in sys.argv:
    print("prepared")
if "signalled" in sys.argv:
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    os.kill(os.getpid(), signal.SIGTERM)
become_watcher(Plan(**{**values, "lock": lock.fileno()}), Path.cwd())
"""


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def plan(tmp_path: Path, port: int) -> Plan:
    url = f"http://127.0.0.1:{port}"
    return Plan(
        lock=-1,
        data_dir=str(tmp_path),
        log_dir=str(tmp_path),
        log_format="kv",
        log_level="info",
        local_url=url,
        public_url=url,
        server_command=[sys.executable, "-c", SERVER, str(port)],
        agent_command=[sys.executable, "-c", "import time; time.sleep(600)"],
        agent_state_dir=str(tmp_path / "state"),
        greeting="the link",
    )


class Watchers:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.started: list[subprocess.Popen[str]] = []

    def start(self, plan: Plan, *more: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-c", BECOME, json.dumps(plan._asdict()), *more],
            cwd=ROOT,
            env={**os.environ, "XDG_CONFIG_HOME": str(self.folder / "config")},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.started.append(process)
        return process


@pytest.fixture
def watchers(tmp_path: Path) -> Iterator[Watchers]:
    watchers = Watchers(tmp_path)
    yield watchers
    for process in watchers.started:
        process.kill()
        process.communicate()


def test_a_plan_is_read_as_it_was_written(plan: Plan) -> None:
    assert read(plan.written()) == plan


def test_it_is_the_process_that_took_the_lock_and_knows_no_package(watchers: Watchers, plan: Plan) -> None:
    process = watchers.start(plan)
    assert process.stdout is not None
    assert process.stdout.readline() == "the link\n"
    words = Path(f"/proc/{process.pid}/cmdline").read_bytes().split(b"\0")
    assert words[1:4] == [b"-S", b"-m", b"scheduler_site.up.watch"]
    assert b"the link" not in words
    assert "site-packages" not in Path(f"/proc/{process.pid}/maps").read_text()
    assert site_lock.is_held(Path(plan.data_dir) / "lock")
    assert site_lock.noted_url(Path(plan.data_dir)) == plan.public_url


def test_what_was_said_before_is_not_lost(watchers: Watchers, plan: Plan) -> None:
    process = watchers.start(plan, "talks")
    assert process.stdout is not None
    assert [process.stdout.readline(), process.stdout.readline()] == ["prepared\n", "the link\n"]


def test_its_children_do_not_hold_the_lock(watchers: Watchers, plan: Plan) -> None:
    listens = SERVER.replace("import http", "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); import http")
    process = watchers.start(plan._replace(server_command=[sys.executable, "-c", listens, plan.server_command[-1]]))
    assert process.stdout is not None
    assert process.stdout.readline() == "the link\n"
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    process.kill()
    process.wait()
    try:
        assert Path(f"/proc/{children[0]}").exists()
        assert not site_lock.is_held(Path(plan.data_dir) / "lock")
    finally:
        os.kill(int(children[0]), signal.SIGKILL)


def test_a_signal_ends_both_children_and_says_goodbye(watchers: Watchers, plan: Plan, port: int) -> None:
    process = watchers.start(plan)
    assert process.stdout is not None
    assert process.stdout.readline() == "the link\n"
    process.send_signal(signal.SIGINT)
    said, wrong = process.communicate(timeout=30)
    assert (said, wrong, process.returncode) == ("Nightshift has stopped. No script is running.\n", "", 0)
    assert site_lock.noted_url(Path(plan.data_dir)) is None
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("127.0.0.1", port))


def test_a_signal_that_came_before_it_listened_is_heard(watchers: Watchers, plan: Plan) -> None:
    never_well = plan._replace(server_command=[sys.executable, "-c", "import time; time.sleep(600)"])
    said, wrong = watchers.start(never_well, "signalled").communicate(timeout=30)
    assert (said, wrong) == ("Nightshift has stopped. No script is running.\n", "")


def test_a_server_that_does_not_start_is_one_sentence_and_its_last_words(watchers: Watchers, plan: Plan) -> None:
    broken = plan._replace(server_command=[sys.executable, "-c", "raise SystemExit('no room')"])
    process = watchers.start(broken)
    said, wrong = process.communicate(timeout=30)
    assert said == ""
    assert wrong == "nightshift: The server did not start. It said last:\nno room\n"
    assert process.returncode == 1


def test_the_end_of_a_child_is_told_once(watchers: Watchers, plan: Plan) -> None:
    process = watchers.start(plan._replace(agent_command=[sys.executable, "-c", "raise SystemExit(5)"]))
    assert process.stdout is not None
    assert process.stdout.readline() == "the link\n"
    assert process.stdout.readline().startswith("The main agent ended as it was told. See ")
    log = Path(plan.log_dir) / "up.log"
    wait_until(lambda: "child_ended name=main agent exit_code=5" in log.read_text(), what="the line in the log")
