"""The folder of a sub agent: states, lock, beat, damage."""

import errno
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from agent_client import sub_agent_dir
from agent_client.sub_agent_dir import Locked, SubAgentDir, Unreadable
from tests.agent_client.sub_agents import make_folder
from tests.waiting import wait_until


def test_create_is_private_and_repeatable(tmp_path: Path) -> None:
    folder = SubAgentDir.create(tmp_path / "sub_agents", "a-1")
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    assert SubAgentDir.create(tmp_path / "sub_agents", "a-1").path == folder.path
    assert folder.sub_agent_id == "a-1"


@pytest.mark.parametrize("name", ["", "..", "a/b", "../x", ".hidden"])
def test_an_id_that_leaves_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="cannot be the name of a folder"):
        SubAgentDir.create(tmp_path, name)


def test_states_follow_the_files(tmp_path: Path) -> None:
    folder = SubAgentDir.create(tmp_path, "a")
    assert folder.local_state() == "assigned"
    make_folder(tmp_path, "a")
    assert folder.local_state() == "claimed"
    assert not folder.has_started()
    folder.write_started({"pid": 1, "pid_start_ticks": 2, "boot_id": "b", "sid": 1, "cookie": "c"})
    assert folder.local_state() == "running"
    (folder.path / "exit.json").write_text("{}")
    assert folder.local_state() == "finished"


def test_files_are_private_and_come_back(tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    assert stat.S_IMODE((folder.path / "grant.json").stat().st_mode) == 0o600
    grant = folder.read_grant()
    assert grant is not None
    assert grant["task_id"] == 12
    assert [path.name for path in folder.path.iterdir()] == ["grant.json"]


def test_absent_is_none_and_damaged_is_an_error(tmp_path: Path) -> None:
    folder = SubAgentDir.create(tmp_path, "a")
    assert folder.read_exit() is None
    for content in (b"", b"{", b"[]", b"\xff"):
        (folder.path / "exit.json").write_bytes(content)
        with pytest.raises(Unreadable, match=r"exit\.json is damaged"):
            folder.read_exit()


def test_lock_says_who_lives(tmp_path: Path) -> None:
    folder = SubAgentDir.create(tmp_path, "a")
    assert not folder.is_alive()
    script = "import sys, time; from pathlib import Path; from agent_client.sub_agent_dir import SubAgentDir as D; "
    script += "lock = D(Path(sys.argv[1])).acquire_lock(); time.sleep(60)"
    holder = subprocess.Popen([sys.executable, "-c", script, str(folder.path)])
    try:
        wait_until(folder.is_alive, 20, "the lock to be taken")
    finally:
        holder.kill()
        holder.wait()
    assert not folder.is_alive()


def test_a_held_lock_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sub_agent_dir, "LOCK_PATIENCE_SECONDS", 0.05)
    folder = SubAgentDir.create(tmp_path, "a")
    descriptor = folder.acquire_lock()
    with pytest.raises(Locked):
        folder.acquire_lock()
    os.close(descriptor)
    os.close(folder.acquire_lock())


def test_beat_age(tmp_path: Path) -> None:
    folder = SubAgentDir.create(tmp_path, "a")
    assert folder.beat_age_seconds() is None
    folder.touch_beat()
    age_seconds = folder.beat_age_seconds()
    assert age_seconds is not None
    assert 0 <= age_seconds < 60
    (folder.path / "beat").write_text("999999999999")  # of a boot that ran longer
    assert folder.beat_age_seconds() is None


def test_a_beat_can_be_written_where_there_is_one_and_the_disk_takes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = SubAgentDir.create(tmp_path, "a")
    assert not folder.takes_a_beat()
    folder.touch_beat()
    before = (folder.path / "beat").read_text()
    assert folder.takes_a_beat()
    assert (folder.path / "beat").read_text() == before

    def full(descriptor: int, content: bytes, offset: int) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    assert not folder.takes_a_beat()


def test_a_beat_needs_no_new_space(tmp_path: Path) -> None:
    """It is written in place: a file that is emptied first may not be filled again on a full disk."""
    folder = SubAgentDir.create(tmp_path, "a")
    folder.touch_beat()
    with (folder.path / "beat").open("rb") as earlier:
        folder.touch_beat()
        assert os.fstat(earlier.fileno()).st_size == 20


def test_a_beat_of_this_very_moment_is_young(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = SubAgentDir.create(tmp_path, "a")
    monkeypatch.setattr(sub_agent_dir.time, "monotonic", lambda: 5.0006)  # written as 5.001
    folder.touch_beat()
    assert folder.beat_age_seconds() == 0.0


def test_sizes_name_what_exists(tmp_path: Path) -> None:
    folder = SubAgentDir.create(tmp_path, "a")
    assert folder.sizes() == {}
    folder.stream_path("out").write_bytes(b"12345")
    assert folder.sizes() == {"out": 5}


def test_family_note(tmp_path: Path) -> None:
    folder = SubAgentDir.create(tmp_path, "a")
    assert folder.read_family() == frozenset()
    folder.write_family(frozenset({(3, 4), (1, 2)}))
    assert folder.read_family() == {(1, 2), (3, 4)}
    (folder.path / "family.json").write_text("[1]")
    assert folder.read_family() == frozenset()


def test_remove_takes_everything(tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    folder.tmp_path.mkdir()
    (folder.tmp_path / "deep").mkdir()
    (folder.path / "link").symlink_to(tmp_path)
    folder.remove()
    assert list(tmp_path.iterdir()) == []


def test_a_note_of_delivery_that_a_power_cut_damaged_says_as_much_by_being_there(tmp_path: Path) -> None:
    folder = SubAgentDir.create(tmp_path, "s1")
    assert folder.read_delivered() is None
    for damage in (b"", b"\0" * 40):
        (folder.path / "delivered.json").write_bytes(damage)
        assert folder.read_delivered() == {"result_code": "", "streams": {}}


def test_groups_are_read_where_sub_agents_of_any_age_note_them(tmp_path: Path) -> None:
    folder = SubAgentDir.create(tmp_path, "sub-1")
    assert folder.read_group() == {}
    record = {"pid": 1, "pid_start_ticks": 2, "boot_id": "b", "sid": 1, "cookie": "c"}
    (folder.path / "started.json").write_text(json.dumps(record))
    (folder.path / "cgroup.json").write_text('{"kill": "/old"}')
    assert folder.read_group() == {"kill": "/old"}
    (folder.path / "started.json").write_text(json.dumps({**record, "cgroups": {"kill": "/new"}}))
    assert folder.read_group() == {"kill": "/new"}
    (folder.path / "started.json").write_text("damaged")
    assert folder.read_group() == {}


def test_a_disk_that_cannot_be_read_proves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Above all not that a script never started."""
    folder = make_folder(tmp_path)

    def broken(path: object) -> os.stat_result:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr("os.stat", broken)
        with pytest.raises(OSError, match="Input"):
            folder.has_started()
    assert not folder.has_started()
