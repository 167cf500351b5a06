"""Which server and token are used, and that no token goes to the wrong server."""

from pathlib import Path

import pytest

from agent_client import profiles
from agent_client.cli.connection import chosen
from agent_client.cli.errors import CliError, UsageError
from agent_client.cli.server_url import normalised
from tests.agent_client.cli.conftest import Nightshift
from tests.agent_client.cli.fake_api import FakeApi


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    values = {"XDG_CONFIG_HOME": str(tmp_path)}
    for url in ("http://one:1", "http://two:2"):
        profiles.add(profiles.config_path(values), url, f"token-of-{url[7:10]}", lambda known: known.current is None)
    return values


def test_the_current_profile_comes_last(environ: dict[str, str]) -> None:
    assert chosen(None, None, environ) == ("http://one:1", "token-of-one")


def test_the_environment_comes_before_the_profile(environ: dict[str, str]) -> None:
    both = environ | {"NIGHTSHIFT_URL": "http://three:3/", "NIGHTSHIFT_TOKEN": "env"}
    assert chosen(None, None, both) == ("http://three:3", "env")


def test_an_url_of_the_environment_finds_its_profile(environ: dict[str, str]) -> None:
    assert chosen(None, None, environ | {"NIGHTSHIFT_URL": "http://TWO:2"}) == ("http://two:2", "token-of-two")


def test_flags_come_first(environ: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-file\n")
    values = environ | {"NIGHTSHIFT_URL": "http://three:3", "NIGHTSHIFT_TOKEN": "env"}
    assert chosen("http://two:2", str(tmp_path / "token"), values) == ("http://two:2", "from-file")


def test_a_token_never_goes_to_a_server_it_is_not_for(environ: dict[str, str]) -> None:
    values = environ | {"NIGHTSHIFT_URL": "http://three:3", "NIGHTSHIFT_TOKEN": "env"}
    assert chosen("http://two:2", None, values) == ("http://two:2", "token-of-two")
    with pytest.raises(CliError, match="no token is known for http://four:4"):
        chosen("http://four:4", None, values)


def test_no_profile_file_is_needed_when_all_is_given(tmp_path: Path) -> None:
    path = tmp_path / "nightshift" / "client.json"
    path.parent.mkdir()
    path.write_text("damaged")
    values = {"XDG_CONFIG_HOME": str(tmp_path), "NIGHTSHIFT_URL": "http://a:1", "NIGHTSHIFT_TOKEN": "t"}
    assert chosen(None, None, values) == ("http://a:1", "t")


def test_nothing_known_says_how_to_begin(tmp_path: Path) -> None:
    with pytest.raises(CliError, match="make run") as error:
        chosen(None, None, {"XDG_CONFIG_HOME": str(tmp_path)})
    assert error.value.exit_status == 3


def test_bad_addresses_are_named_with_their_source(environ: dict[str, str]) -> None:
    with pytest.raises(UsageError, match="--server: ftp://x"):
        chosen("ftp://x", None, environ)
    with pytest.raises(UsageError, match="NIGHTSHIFT_URL"):
        chosen(None, None, environ | {"NIGHTSHIFT_URL": "http://x:port"})


def test_missing_token_file_is_named(environ: dict[str, str]) -> None:
    with pytest.raises(CliError, match="/no/file"):
        chosen(None, "/no/file", environ)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("localhost", "http://localhost"),
        ("gpu-box.lab", "https://gpu-box.lab"),
        ("HTTP://Gpu-Box:80/", "http://gpu-box"),
        ("https://x:443/night/", "https://x/night"),
        ("http://[::1]:8000", "http://[::1]:8000"),
    ],
)
def test_one_spelling_of_each_address(text: str, url: str) -> None:
    assert normalised(text) == url
    assert normalised(url) == url


@pytest.mark.parametrize(
    "text", ["", "http://", "ftp://x", "http://u:p@x", "http://x?y=1", "http://x:99999", "http://x/enter/abc", "a b"]
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(ValueError):
        normalised(text)


def test_netrc_does_not_replace_the_token(connected: FakeApi, nightshift: Nightshift, home: Path) -> None:
    (home / ".netrc").write_text("machine 127.0.0.1 login eve password x\n")
    assert nightshift("ls").status == 0


def test_a_proxy_is_not_asked_for_this_machine(
    connected: FakeApi, nightshift: Nightshift, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert nightshift("ls").status == 0
