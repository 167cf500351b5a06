"""Removing what scripts leave behind: hostile folders, links, and what cannot go."""

import os
import tempfile
from pathlib import Path

import pytest

from agent_client.removal import remove_tree

NOBODY = 65534


def as_ordinary_user(path: Path) -> int:
    """Remove the tree in a process without a superuser's rights; returns its exit code."""
    pid = os.fork()
    if pid == 0:
        try:
            if os.geteuid() == 0:
                os.setgroups([])
                os.setgid(NOBODY)
                os.setuid(NOBODY)
            remove_tree(path)
        except BaseException:  # noqa: BLE001 (whatever it is, the test must hear of it)
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_folders_that_nobody_may_enter() -> None:
    with tempfile.TemporaryDirectory() as parent:
        top = Path(parent, "top")
        (top / "closed" / "deeper").mkdir(parents=True)
        (top / "closed" / "deeper" / "file").touch()
        for path in (Path(parent), top, top / "closed", top / "closed" / "deeper"):
            if os.geteuid() == 0:
                os.chown(path, NOBODY, NOBODY)
        for path in (top / "closed" / "deeper", top / "closed", top):
            path.chmod(0o000)
        assert as_ordinary_user(top) == 0
        assert list(Path(parent).iterdir()) == []


def test_a_tree_deeper_than_any_path_is_long(tmp_path: Path) -> None:
    """A script that makes a folder in a folder, and so on, must not end the agent that cleans up after it."""
    top = tmp_path / "top"
    top.mkdir()
    before = os.open(".", os.O_RDONLY)
    try:
        os.chdir(top)
        for _ in range(3000):
            Path("d").mkdir()
            os.chdir("d")
    finally:
        os.chdir(before)
        os.close(before)
    remove_tree(top)
    assert list(tmp_path.iterdir()) == []


def test_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "data").touch()
    (tmp_path / "top" / "sub").mkdir(parents=True)
    (tmp_path / "top" / "sub" / "link").symlink_to(tmp_path / "precious")
    (tmp_path / "link").symlink_to(tmp_path / "precious")
    remove_tree(tmp_path / "top")
    remove_tree(tmp_path / "link")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["data", "precious"]


def test_what_can_go_goes_and_the_rest_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    top = tmp_path / "top"
    top.mkdir()
    for name in ("a", "stays", "z"):
        (top / name).touch()
    unlink = Path.unlink

    def stubborn(path: Path) -> None:
        if path.name == "stays":
            raise PermissionError(1, "Operation not permitted", str(path))
        unlink(path)

    monkeypatch.setattr(Path, "unlink", stubborn)
    with pytest.raises(PermissionError, match="stays"):
        remove_tree(top)
    assert [path.name for path in top.iterdir()] == ["stays"]
