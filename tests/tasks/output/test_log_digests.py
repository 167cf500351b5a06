"""Digests of long files over several calls."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.output import log_digests


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One block a call."""
    monkeypatch.setattr(log_digests, "SECONDS_A_CALL", -1.0)
    monkeypatch.setattr(log_digests, "BLOCK_BYTES", 10)
    log_digests._half_done.clear()
    yield
    log_digests._half_done.clear()


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_a_long_file_is_done_over_several_calls(tmp_path: Path) -> None:
    path = tmp_path / "1.log"
    path.write_bytes(b"0123456789" * 3)
    answers = [log_digests.digest_of("a", path, 25) for _ in range(3)]
    assert answers == [None, None, sha256(b"0123456789012345678901234")]
    assert not log_digests._half_done


def test_files_do_not_disturb_each_other(tmp_path: Path) -> None:
    first, second = tmp_path / "1.log", tmp_path / "2.log"
    first.write_bytes(b"a" * 20)
    second.write_bytes(b"b" * 20)
    assert log_digests.digest_of("first", first, 20) is None
    assert log_digests.digest_of("second", second, 20) is None
    assert log_digests.digest_of("first", first, 20) == sha256(b"a" * 20)
    assert log_digests.digest_of("second", second, 20) == sha256(b"b" * 20)


def test_an_empty_or_shorter_file_has_the_digest_of_what_is_there(tmp_path: Path) -> None:
    assert log_digests.digest_of("none", tmp_path / "none", 0) == sha256(b"")
    assert log_digests.digest_of("none", tmp_path / "none", 5) == sha256(b"")
    (tmp_path / "short").write_bytes(b"abc")
    assert [log_digests.digest_of("short", tmp_path / "short", 5) for _ in range(2)] == [None, sha256(b"abc")]


def test_what_nobody_comes_back_for_is_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_digests, "MOST_HALF_DONE", 3)
    path = tmp_path / "1.log"
    path.write_bytes(b"0123456789" * 3)
    for key in range(10):
        log_digests.digest_of(key, path, 30)
    assert list(log_digests._half_done) == [7, 8, 9]
