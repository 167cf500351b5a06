"""Under which names a state directory has claimed ahead: noted before, kept over restarts, not inherited by copies."""

import json
import uuid
from pathlib import Path

import pytest

from agent_client.main_agent import incarnations
from agent_client.main_agent.incarnations import FILE, MOST, begin


def named() -> str:
    return uuid.uuid4().hex


def test_the_first_and_the_next(tmp_path: Path) -> None:
    first, second = named(), named()
    assert begin(tmp_path, first) == ([], [first])
    assert begin(tmp_path, second) == ([first], [second])


def test_only_the_latest_are_known(tmp_path: Path) -> None:
    names = [named() for _ in range(MOST + 3)]
    for name in names:
        told = begin(tmp_path, name)
    assert told == (names[-MOST:-1], names[-1:])


def test_it_is_durable_before_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[Path] = []
    monkeypatch.setattr("os.fsync", lambda number: synced.append(Path(f"/proc/self/fd/{number}").readlink()))
    begin(tmp_path, named())
    assert [path.parent for path in synced] == [tmp_path, tmp_path.parent]


def test_one_that_cannot_be_noted_claims_nothing_ahead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What those before it were granted is told all the same."""
    before = named()
    begin(tmp_path, before)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(incarnations, "write_json", full)
    assert begin(tmp_path, named()) == ([before], [])


@pytest.mark.parametrize(
    "content", ["", "[", "[]", '{"incarnations": 5}', '{"incarnations": "ab"}', '{"incarnations": [5, "short"]}', "{}"]
)
def test_a_damaged_file_tells_nothing_and_heals(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE).write_text(content)
    name = named()
    assert begin(tmp_path, name) == ([], [name])
    assert json.loads((tmp_path / FILE).read_text()) == {"incarnations": [name]}


def test_a_copy_says_nothing_of_the_names_it_came_with(tmp_path: Path) -> None:
    begin(tmp_path, named())
    copy = named()
    assert begin(tmp_path, copy, is_own=False) == ([], [copy])
    after = named()
    assert begin(tmp_path, after) == ([copy], [after])
