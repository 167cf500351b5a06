import subprocess
import sys
from pathlib import Path

from scheduler_site.up import site_lock

HOLD = (
    "import fcntl, sys; f = open(sys.argv[1], 'a'); fcntl.flock(f, fcntl.LOCK_EX); print('held', flush=True); input()"
)


def test_one_holds_and_the_other_does_not(tmp_path: Path) -> None:
    first = site_lock.hold(tmp_path)
    assert first is not None
    assert site_lock.hold(tmp_path) is None
    assert site_lock.is_held(tmp_path / "lock")
    first.close()
    assert not site_lock.is_held(tmp_path / "lock")
    second = site_lock.hold(tmp_path)
    assert second is not None
    second.close()


def test_the_lock_ends_with_its_process(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    assert site_lock.is_held(lock)
    holder.kill()
    holder.communicate()
    assert not site_lock.is_held(lock)


def test_where_the_running_one_is_reached(tmp_path: Path) -> None:
    assert site_lock.noted_url(tmp_path) is None
    site_lock.note_running(tmp_path, "http://127.0.0.1:8000")
    assert site_lock.noted_url(tmp_path) == "http://127.0.0.1:8000"
    site_lock.forget_running(tmp_path)
    site_lock.forget_running(tmp_path)
    assert site_lock.noted_url(tmp_path) is None
    (tmp_path / "running.json").write_text("damaged")
    assert site_lock.noted_url(tmp_path) is None


def test_a_lock_that_is_not_there_is_not_held(tmp_path: Path) -> None:
    assert not site_lock.is_held(tmp_path / "none")
