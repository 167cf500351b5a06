"""nightshift login and profile-add: what is stored, and when."""

import io
import json
import stat
from types import SimpleNamespace

import pytest

from agent_client import profiles
from tests.agent_client.cli.conftest import Nightshift
from tests.agent_client.cli.fake_api import TOKEN, FakeApi


@pytest.fixture
def say(monkeypatch: pytest.MonkeyPatch):
    def give(text: str) -> None:
        stdin = io.StringIO(text)
        monkeypatch.setattr("sys.stdin", SimpleNamespace(readline=stdin.readline, isatty=lambda: False))

    return give


def stored() -> profiles.Profiles:
    return profiles.load(profiles.config_path())


def test_login_stores_what_works(api: FakeApi, nightshift: Nightshift, say) -> None:
    say(f"{TOKEN}\n")
    assert nightshift("login", f"127.0.0.1:{api.port}/").status == 0
    assert stored() == profiles.Profiles(api.url, {api.url: TOKEN})
    assert stat.S_IMODE(profiles.config_path().stat().st_mode) == 0o600
    assert nightshift("ls").status == 0


def test_login_asks_at_a_terminal(api: FakeApi, nightshift: Nightshift, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: True))
    monkeypatch.setattr("getpass.getpass", lambda prompt: TOKEN)
    result = nightshift("login", api.url, "--json")
    assert json.loads(result.out) == {"url": api.url, "is_current": True}


def test_a_refused_token_is_not_stored(api: FakeApi, nightshift: Nightshift, say) -> None:
    say("wrong\n")
    result = nightshift("login", api.url)
    assert result.status == 1
    assert "refused the token" in result.err
    assert stored() == profiles.Profiles()


def test_login_without_a_server_stores_nothing(api: FakeApi, nightshift: Nightshift, say) -> None:
    api.stop()
    say(TOKEN)
    assert nightshift("login", api.url).status == 3
    assert stored() == profiles.Profiles()
    api.restart()


def test_login_with_a_browser_link_says_what_to_give(nightshift: Nightshift, say) -> None:
    say(TOKEN)
    result = nightshift("login", "http://127.0.0.1:8000/enter/abc")
    assert result.status == 2
    assert "sign-in link" in result.err


def add(nightshift: Nightshift, say, url: str, *words: str) -> None:
    say("its-token\n")
    assert nightshift("profile-add", url, *words) == (0, "", "")


def test_first_profile_becomes_current(nightshift: Nightshift, say) -> None:
    add(nightshift, say, "http://127.0.0.1:1")
    assert stored() == profiles.Profiles("http://127.0.0.1:1", {"http://127.0.0.1:1": "its-token"})


def test_a_current_server_that_answers_stays(api: FakeApi, nightshift: Nightshift, say) -> None:
    add(nightshift, say, api.url)
    add(nightshift, say, "http://127.0.0.1:1")
    assert stored().current == api.url
    add(nightshift, say, "http://127.0.0.1:1", "--make-current", "always")
    assert stored().current == "http://127.0.0.1:1"


def test_a_current_server_that_is_dead_is_replaced(nightshift: Nightshift, say) -> None:
    add(nightshift, say, "http://127.0.0.1:1")
    add(nightshift, say, "http://127.0.0.1:2")
    assert stored().current == "http://127.0.0.1:2"


def test_the_same_server_gets_its_new_token(nightshift: Nightshift, say) -> None:
    profiles.add(profiles.config_path(), "http://127.0.0.1:1", "old", lambda known: True)
    add(nightshift, say, "http://127.0.0.1:1")
    assert stored() == profiles.Profiles("http://127.0.0.1:1", {"http://127.0.0.1:1": "its-token"})


def test_profile_add_without_a_token_says_so(nightshift: Nightshift, say) -> None:
    say("")
    result = nightshift("profile-add", "http://127.0.0.1:1")
    assert result.status == 1
    assert "holds no token" in result.err
