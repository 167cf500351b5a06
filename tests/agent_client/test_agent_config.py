"""Settings of the main agent: flag over environment, messages that name the setting, and the README's completeness."""

import argparse
import re
from pathlib import Path

import pytest

from agent_client.agent_config import OPTIONS, TOKEN_ENVIRONMENT, AgentConfig, ConfigError, add_options, read_config
from agent_client.offer import Offer

README = Path(__file__).parents[2] / "agent_client" / "README.md"


def config(*words: str, **environment: str) -> AgentConfig:
    parser = argparse.ArgumentParser()
    add_options(parser)
    return read_config(vars(parser.parse_args(words)), {"XDG_STATE_HOME": "/state", **environment})


def test_defaults() -> None:
    found = config("--server", "http://lab.example:8000/")
    assert found.server_url == "http://lab.example:8000"
    assert found.state_dir == Path("/state/nightshift/lab.example_8000")
    assert (found.offer, found.log_format, found.uses_gpus, found.min_free_disk_mib) == (Offer(), "kv", True, 1024)
    assert found.name


def test_the_state_directory_without_xdg_is_in_the_home() -> None:
    found = read_config({"server": "https://lab.example"}, {})
    assert found.state_dir == Path("~/.local/state/nightshift/lab.example").expanduser()


def test_every_option_can_come_from_its_flag_and_from_its_environment() -> None:
    values = {"server": "https://h:1", "pin": "ab" * 32, "gpus": "none", "log_format": "json", "min_free_disk_mib": "5"}
    values |= {"max_processes": "64", "enforce_memory": "yes", "spool_mib": "20", "spool_host_mib": "200"}
    values |= {"address": "10.0.0.7", "capability": "nvlink, cuda=12.4", "resource": "matlab=2,slots=0"}
    given = {option.name: values.get(option.name, f"/v/{option.name}") for option in OPTIONS}
    by_flag = config(*(word for option in OPTIONS for word in (option.flag, given[option.name])))
    by_environment = config(**{option.environment: given[option.name] for option in OPTIONS})
    assert by_flag == by_environment
    assert by_flag == AgentConfig(
        server_url="https://h:1#sha256=" + "ab" * 32,
        state_dir=Path("/v/state_dir"),
        name="/v/name",
        offer=Offer("10.0.0.7", "/v/zone", {"nvlink": "", "cuda": "12.4"}, {"matlab": 2, "slots": 0}),
        token_file=Path("/v/token_file"),
        declare=Path("/v/declare"),
        uses_gpus=False,
        log_format="json",
        min_free_disk_mib=5,
        spool_mib=20,
        spool_host_mib=200,
        max_processes=64,
        enforce_memory=True,
    )


def test_a_list_may_be_said_in_several_flags() -> None:
    found = config("--server", "http://h", "--capability", "a", "--capability", "b=1,c", "--resource", "x=1")
    assert found.offer.capabilities == {"a": "", "b": "1", "c": ""}
    assert found.offer.resources == {"x": 1}


def test_a_flag_wins_and_the_token_comes_from_the_environment_only() -> None:
    found = config("--server", "http://a", NIGHTSHIFT_AGENT_SERVER="http://b", NIGHTSHIFT_AGENT_TOKEN="t0k3n")
    assert (found.server_url, found.token) == ("http://a", "t0k3n")
    assert "t0k3n" not in repr(found)


def test_a_known_state_directory_needs_no_server() -> None:
    assert config("--state-dir", "/s").server_url is None


@pytest.mark.parametrize(
    ("words", "environment", "message"),
    [
        ((), {}, "which server? Say --server URL or set NIGHTSHIFT_AGENT_SERVER"),
        (("--server", "lab:8000"), {}, "--server must be a URL such as"),
        (("--server", "ftp://lab"), {}, "--server must be a URL"),
        (("--server", "http://"), {}, "--server must be a URL"),
        (("--server", "http://lab:99999"), {}, "--server must be a URL"),
        (("--server", "http://a b"), {}, "--server must be a URL"),
        (("--server", "http://h", "--gpus", "some"), {}, "--gpus must be one of auto, none, not 'some'"),
        (("--server", "http://h"), {"NIGHTSHIFT_GPUS": "0"}, "NIGHTSHIFT_GPUS must be one of auto, none"),
        (("--server", "http://h", "--log-format", "xml"), {}, "--log-format must be one of kv, json"),
        (("--server", "http://h", "--min-free-disk-mib", "-1"), {}, "--min-free-disk-mib must be a whole number"),
        (("--server", "http://h", "--address", "a b"), {}, "--address must be a host name or an IP address, not 'a b'"),
        (("--server", "http://h", "--capability", "A100"), {}, "--capability must hold names of lower-case letters"),
        (("--server", "http://h", "--capability", "a,,b"), {}, "--capability must hold names of lower-case letters"),
        (("--server", "http://h", "--capability", "a,a=1"), {}, "--capability must name a only once"),
        (("--server", "http://h", "--capability", "a="), {}, "--capability must give a version after a="),
        (("--server", "http://h", "--resource", "matlab"), {}, "--resource must give a whole number from 0 to"),
        (("--server", "http://h", "--resource", "matlab=-1"), {}, "for matlab, not '-1'"),
        (("--server", "http://h", "--resource", "matlab=nan"), {}, "for matlab, not 'nan'"),
        (("--server", "http://h", "--resource", "matlab=99999999999"), {}, "for matlab, not 99999999999"),
        (("--server", "http://h"), {"NIGHTSHIFT_AGENT_RESOURCE": "m=1.5"}, "NIGHTSHIFT_AGENT_RESOURCE must give"),
        (("--server", "http://h", "--name", "a\x1b[31m"), {}, "--name must not hold control characters"),
    ],
)
def test_wrong_settings_are_named(words: tuple[str, ...], environment: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        config(*words, **environment)
    assert message in str(caught.value)


def test_the_readme_lists_every_option_with_its_variable_and_no_other() -> None:
    text = README.read_text()
    rows = {row[0]: row[1] for row in re.findall(r"^\| `(--[a-z-]+)[^`]*` \| `([A-Z_]+)` \|", text, re.MULTILINE)}
    assert rows == {option.flag: option.environment for option in OPTIONS}
    assert f"`{TOKEN_ENVIRONMENT}`" in text
