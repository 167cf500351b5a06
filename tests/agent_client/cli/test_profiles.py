"""The file with the tokens: where it is, who may read it, how it is written."""

import json
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from agent_client import profiles
from agent_client.profiles import ProfileError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "nightshift" / "client.json"


def test_no_file_is_no_profile(path: Path) -> None:
    assert profiles.load(path) == profiles.Profiles()


def test_what_is_added_is_loaded(path: Path) -> None:
    profiles.add(path, "http://a", "one", lambda known: known.current is None)
    profiles.add(path, "http://b", "two", lambda known: known.current is None)
    profiles.add(path, "http://a", "three", lambda known: False)
    assert profiles.load(path) == profiles.Profiles("http://a", {"http://a": "three", "http://b": "two"})


def test_the_file_has_the_documented_form_and_is_private(path: Path) -> None:
    profiles.add(path, "http://a", "one", lambda known: True)
    assert json.loads(path.read_text()) == {"current": "http://a", "profiles": {"http://a": {"token": "one"}}}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [entry.name for entry in path.parent.iterdir()] == ["client.json"]


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o620, 0o604, 0o601])
def test_a_file_that_others_may_use_is_refused(path: Path, mode: int) -> None:
    profiles.add(path, "http://a", "one", lambda known: True)
    path.chmod(mode)
    with pytest.raises(ProfileError, match=f"mode {mode:04o}.*chmod 600"):
        profiles.load(path)
    with pytest.raises(ProfileError, match="chmod 600"):
        profiles.add(path, "http://b", "two", lambda known: True)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        '{"profiles": []}',
        '{"profiles": {"http://a": {}}}',
        '{"profiles": {"http://a": "t"}}',
        '{"profiles": {"http://a": {"token": "a b"}}}',
        '{"current": 3, "profiles": {}}',
        "\xff",
    ],
)
def test_a_damaged_file_is_named_and_kept(path: Path, content: str) -> None:
    path.parent.mkdir()
    path.write_bytes(content.encode("latin-1"))
    path.chmod(0o600)
    with pytest.raises(ProfileError, match=r"client\.json"):
        profiles.load(path)
    with pytest.raises(ProfileError):
        profiles.add(path, "http://a", "one", lambda known: True)
    assert path.read_bytes() == content.encode("latin-1")


@pytest.mark.parametrize("token", ["", " \n", "two words", "line\nbreak", "naïve", "x" * 513])
def test_what_is_no_token_is_not_stored(path: Path, token: str) -> None:
    with pytest.raises(ProfileError):
        profiles.add(path, "http://a", token, lambda known: True)
    assert not path.exists()


def test_a_linked_file_stays_linked(path: Path, tmp_path: Path) -> None:
    path.parent.mkdir()
    path.symlink_to(tmp_path / "settings.json")
    profiles.add(path, "http://a", "one", lambda known: True)
    assert path.is_symlink()
    assert profiles.load(path).current == "http://a"


def test_writers_at_the_same_time_lose_nothing(path: Path) -> None:
    urls = [f"http://host{number}" for number in range(24)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda url: profiles.add(path, url, "t", lambda known: True), urls))
    assert set(profiles.load(path).tokens) == set(urls)


def test_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ProfileError, match="cannot write"):
        profiles.add(tmp_path / "file" / "client.json", "http://a", "one", lambda known: True)


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"XDG_CONFIG_HOME": "/c", "HOME": "/h"}, "/c/nightshift/client.json"),
        ({"HOME": "/h"}, "/h/.config/nightshift/client.json"),
        ({"XDG_CONFIG_HOME": "relative", "HOME": "/h"}, "/h/.config/nightshift/client.json"),
    ],
)
def test_where_the_file_is(environ: dict[str, str], expected: str) -> None:
    assert profiles.config_path(environ) == Path(expected)
