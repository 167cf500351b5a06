"""The scan of sub agents' folders: states, liveness, damaged folders, what is left by a crash."""

import os
from pathlib import Path
from typing import Any

import pytest

from agent_client.journal import Inventory, LocalRecord, inventory_rows, scan
from agent_client.sub_agent_dir import SubAgentDir

ASSIGNMENT: Any = {"sub_agent_id": "s1", "fence": 7, "task_id": 3, "attempt_no": 1, "nonce": "n"}


@pytest.fixture
def folder(tmp_path: Path) -> SubAgentDir:
    made = SubAgentDir.create(tmp_path, "s1")
    made.write_assignment(ASSIGNMENT)
    return made


def only(parent: Path) -> LocalRecord:
    inventory = scan(parent)
    assert inventory.is_complete
    (record,) = inventory.records
    return record


def test_the_state_follows_the_files(tmp_path: Path, folder: SubAgentDir) -> None:
    assert only(tmp_path) == LocalRecord("s1", 7, 3, "assigned", is_alive=False, is_delivered=False)
    values: Any = {}
    for write, state in (
        (folder.write_grant, "claimed"),
        (folder.write_started, "running"),
        (folder.write_exit, "finished"),
    ):
        write(values)  # type: ignore[operator]
        assert only(tmp_path).local_state == state
    assert not only(tmp_path).is_delivered
    folder.write_delivered(values)
    assert only(tmp_path).is_delivered


def test_a_held_lock_means_alive_and_counts_as_running(tmp_path: Path, folder: SubAgentDir) -> None:
    values: Any = {}
    folder.write_started(values)
    descriptor = folder.acquire_lock()
    try:
        assert only(tmp_path).is_alive
        assert scan(tmp_path).running == 1
    finally:
        os.close(descriptor)
    assert not only(tmp_path).is_alive
    assert scan(tmp_path).running == 0


def test_rows_of_a_session(tmp_path: Path, folder: SubAgentDir) -> None:
    folder.stream_path("out").write_bytes(b"12345")
    rows = inventory_rows(scan(tmp_path), tmp_path)
    assert rows == [{"sub_agent_id": "s1", "fence": 7, "local_state": "assigned", "sizes": {"out": 5}}]


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"\xff", b"{}", b'{"fence": "x", "task_id": 1}', b'{"fence": null}']
)
def test_a_damaged_assignment_makes_the_inventory_incomplete(
    tmp_path: Path, folder: SubAgentDir, content: bytes
) -> None:
    good = SubAgentDir.create(tmp_path, "s2")
    good.write_assignment({**ASSIGNMENT, "sub_agent_id": "s2"})
    (folder.path / "assignment.json").write_bytes(content)
    inventory = scan(tmp_path)
    assert not inventory.is_complete
    assert "s1" in inventory.damaged[0]
    assert [record.sub_agent_id for record in inventory.records] == ["s2"]


def test_a_folder_with_files_but_no_assignment_is_damaged(tmp_path: Path, folder: SubAgentDir) -> None:
    (folder.path / "assignment.json").rename(folder.path / "started.json")
    assert not scan(tmp_path).is_complete


def test_leftovers_of_a_crash_are_nothing(tmp_path: Path) -> None:
    SubAgentDir.create(tmp_path, "empty")
    SubAgentDir.create(tmp_path, "half").path.joinpath(".assignment.json.77.tmp").write_text("{")
    SubAgentDir.create(tmp_path, "granted").path.joinpath("grant.json").touch()  # after a power cut
    (tmp_path / "a file").touch()
    assert scan(tmp_path) == scan(SubAgentDir.create(tmp_path / "elsewhere", "x").path)


def test_a_removal_that_a_crash_interrupted_is_not_a_sub_agent_any_more(
    tmp_path: Path, folder: SubAgentDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a folder would read as `assigned` or `claimed`, and its script would run a second time."""
    values: Any = {}
    for write in (folder.write_grant, folder.write_started, folder.write_exit, folder.write_delivered):
        write(values)  # type: ignore[operator]

    def killed(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("os.unlink", killed)
    monkeypatch.setattr("os.rmdir", killed)
    with pytest.raises(KeyboardInterrupt):
        folder.remove()
    assert scan(tmp_path) == Inventory()


def test_a_missing_or_unreadable_parent_concludes_nothing(tmp_path: Path) -> None:
    inventory = scan(tmp_path / "gone")
    assert not inventory.is_complete
    assert "cannot be read" in inventory.damaged[0]


@pytest.mark.matrix(41)
def test_a_folder_that_cannot_be_read_proves_nothing(tmp_path: Path) -> None:
    (tmp_path / "sub_agents").write_text("a file where the folder should be")
    inventory = scan(tmp_path / "sub_agents")
    assert (inventory.records, inventory.is_complete) == ((), False)
    assert "cannot be read" in inventory.damaged[0]
