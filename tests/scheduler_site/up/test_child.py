import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from scheduler_site.up import child as child_module
from scheduler_site.up.child import Child
from tests.running import ROOT
from tests.waiting import wait_until

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]
DEAF = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)",
]


@pytest.fixture(autouse=True)
def quick_back_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_module, "FIRST_BACK_OFF_SECONDS", 0.01)


def test_what_ends_is_started_again_and_its_words_are_kept(tmp_path: Path) -> None:
    child = Child("talker", [sys.executable, "-c", "print('hello'); raise SystemExit(7)"], tmp_path / "log")

    def started_thrice() -> bool:
        child.tend()
        return child.ends >= 3

    wait_until(started_thrice, 20, "three ends")
    assert child.exit_code == 7
    assert child.last_words(1) == "hello"


def test_what_runs_is_left_alone_and_ends_when_asked(tmp_path: Path) -> None:
    child = Child("sleeper", SLEEP, tmp_path / "log")
    child.tend()
    first = child.process
    child.tend()
    assert child.process is first
    child.ask_to_stop()
    child.finish(10)
    assert not child.is_running()
    assert first is not None
    assert first.returncode == -signal.SIGTERM


def test_what_does_not_listen_is_killed(tmp_path: Path) -> None:
    child = Child("deaf", DEAF, tmp_path / "log")
    child.start()
    wait_until(lambda: child.last_words() == "deaf", 10, "the child to be deaf")
    child.ask_to_stop()
    child.finish(0.1)
    assert child.process is not None
    assert child.process.returncode == -signal.SIGKILL


def test_back_off_grows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_module, "FIRST_BACK_OFF_SECONDS", 5.0)
    child = Child("short", [sys.executable, "-c", ""], tmp_path / "log")
    child.start()
    wait_until(lambda: not child.is_running(), 10, "the end")
    child.tend()
    assert child.ends == 1
    child.tend()
    assert child.process is None
    assert child._start_after > time.monotonic() + 3


def test_a_large_log_is_put_aside_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_module, "LOG_BYTES", 10)
    log = tmp_path / "log"
    log.write_text("x" * 11)
    child = Child("short", [sys.executable, "-c", ""], log)
    child.start()
    child.finish(10)
    assert (tmp_path / "log.1").read_text() == "x" * 11
    assert log.read_text() == ""


PARENT = """
import subprocess, sys
from scheduler_site.up.parent_death import tied_to_this_process
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], preexec_fn=tied_to_this_process())
print(child.pid, flush=True)
input()
"""


def test_a_child_ends_with_a_parent_that_was_killed() -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    os.kill(parent.pid, signal.SIGKILL)
    parent.communicate()
    wait_until(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == "zombie", 10, "the child to end")


def test_the_words_of_one_that_goes_on_talking_stay_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_module, "LOG_BYTES", 5000)
    talk = "import time\nfor n in range(10**9): print('word', n, flush=True); time.sleep(0.0005)"
    child = Child("talker", [sys.executable, "-c", talk], tmp_path / "log")

    def turned_over() -> bool:
        child.tend()
        return (tmp_path / "log.1").exists()

    wait_until(turned_over, 20, "the log to be turned over")
    wait_until(lambda: "word" in child.last_words(1), 10, "more words in the same file")
    assert not (tmp_path / "log").read_bytes().startswith(b"\0")
    assert child.ends == 0
    child.ask_to_stop()
    child.finish(10)
