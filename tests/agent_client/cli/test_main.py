"""The command line as a whole: verbs, errors, exit statuses, documentation."""

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from agent_client import profiles
from agent_client.cli.verbs import VERBS, Verb, parser_for, sorted_words
from agent_client.version import VERSION
from tests.agent_client.cli.conftest import ROOT, Nightshift, Started
from tests.agent_client.cli.fake_api import FakeApi

OWN_VERBS = [verb for verb in VERBS if verb.name != "agent"]
PAGE = (ROOT / "docs" / "cli.md").read_text()


def test_version(nightshift: Nightshift) -> None:
    assert nightshift("--version") == (0, f"nightshift {VERSION}\n", "")


def test_help_names_every_verb(nightshift: Nightshift) -> None:
    out = nightshift("--help").out
    assert all(re.search(rf"^  {verb.name} ", out, re.MULTILINE) for verb in VERBS if not verb.is_hidden)
    assert "profile-add" not in out


@pytest.mark.parametrize("verb", OWN_VERBS, ids=lambda verb: verb.name)
def test_every_verb_has_help(verb: Verb, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parser_for(verb).parse_args(["--help"])
    assert ended.value.code == 0
    assert f"usage: nightshift {verb.name}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], ("ls", [])),
        (["-a"], ("ls", ["-a"])),
        (["--json"], ("ls", ["--json"])),
        (["--server", "http://x", "show", "1"], ("show", ["--server", "http://x", "1"])),
        (["--server=http://x", "--json", "logs", "1"], ("logs", ["--server=http://x", "--json", "1"])),
        (["--token-file", "f"], ("ls", ["--token-file", "f"])),
        (["submit", "-", "--json"], ("submit", ["-", "--json"])),
    ],
)
def test_words_before_the_verb(words: list[str], expected: tuple[str, list[str]]) -> None:
    assert sorted_words(words) == expected


@pytest.mark.parametrize(
    ("words", "what"), [(("sbmit",), "did you mean submit?"), (("xyzzy",), "the verbs are"), (("--nope",), "--nope")]
)
def test_unknown_words_are_usage_errors(nightshift: Nightshift, words: tuple[str, ...], what: str) -> None:
    result = nightshift(*words)
    assert (result.status, result.out) == (2, "")
    assert what in result.err
    assert len(result.err.splitlines()) == 1


@pytest.mark.parametrize("alias", ["list", "squeue"])
def test_aliases(connected: FakeApi, nightshift: Nightshift, alias: str) -> None:
    assert nightshift(alias).status == 0


def test_server_away_says_where_and_how_to_start_it(connected: FakeApi, nightshift: Nightshift) -> None:
    connected.stop()
    for words in (("ls",), ("submit", "--wrap", "true"), ("wait", "1"), ("logs", "-f", "1"), ("hosts",)):
        result = nightshift(*words)
        assert (result.status, result.out) == (3, "")
        assert result.err == (
            f"nightshift: cannot reach {connected.url}: connection refused (start it in its folder with: make run)\n"
        )
    connected.restart()


@pytest.mark.parametrize(
    ("answer", "status", "what"),
    [
        ((401, {"detail": "Invalid token."}), 1, "nightshift login"),
        ((404, {"detail": "Not found."}), 1, "Not found."),
        ((500, "<h1>oops</h1>"), 1, "HTTP 500"),
        ((200, "<h1>router</h1>"), 3, "not Nightshift"),
        ((404, "<h1>router</h1>"), 1, "HTTP 404"),
        ((301, {}), 3, "redirects"),
        ((400, {"detail": "bad"}), 1, "bad"),
    ],
)
def test_answers_that_are_no_success(
    connected: FakeApi, nightshift: Nightshift, answer: tuple[int, dict | str], status: int, what: str
) -> None:
    connected.answers.append(answer)
    result = nightshift("ls")
    assert (result.status, result.out) == (status, "")
    assert what in result.err
    assert len(result.err.splitlines()) == 1


def test_a_busy_server_is_asked_again(connected: FakeApi, nightshift: Nightshift) -> None:
    connected.answers += [(503, {"detail": "starting"}), (429, {"detail": "slow down"})]
    assert nightshift("ls", "--json") == (0, "[]\n", "")


def test_an_open_profile_file_is_refused(nightshift: Nightshift) -> None:
    path = profiles.config_path()
    profiles.add(path, "http://127.0.0.1:1", "secret-token", lambda known: True)
    path.chmod(0o644)
    result = nightshift("ls")
    assert result.status == 1
    assert f"chmod 600 {path}" in result.err
    assert "secret-token" not in result.err


def test_the_token_is_never_printed(connected: FakeApi, nightshift: Nightshift, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("wrong-token")
    result = nightshift("ls", "--token-file", str(tmp_path / "token"))
    assert result.status == 1
    assert "wrong-token" not in result.err + result.out


def test_broken_pipe_of_a_list_is_quiet(connected: FakeApi, started: Started) -> None:
    for _ in range(300):
        connected.add_task(name="x" * 150, script_content="y" * 2000)
    process = started("ls", "-a", "--json")
    assert process.stdout is not None
    process.stdout.read(10)
    process.stdout.close()
    assert process.wait(timeout=30) == 141
    assert process.stderr is not None
    assert process.stderr.read() == b""


def test_run_gives_its_status_to_the_process(connected: FakeApi, started: Started) -> None:
    assert started("nonsense").wait(timeout=30) == 2
    assert started("ls").wait(timeout=30) == 0


def test_a_poor_encoding_does_not_end_the_command(connected: FakeApi, started: Started) -> None:
    connected.add_task(name="训练")
    process = started("ls", env={**os.environ, "PYTHONIOENCODING": "ascii:strict"})
    assert process.wait(timeout=30) == 0


def test_the_server_side_is_never_imported() -> None:
    code = (
        "import sys, agent_client.cli.main, agent_client.cli.verbs as v; "
        "[v.parser_for(x) for x in v.VERBS if x.name != 'agent']; "
        "print([m for m in sys.modules if m.split('.')[0] in ('django', 'tasks', 'agents', 'scheduler_site')])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def flags_of(parser: argparse.ArgumentParser) -> set[str]:
    return {flag for action in parser._actions for flag in action.option_strings} - {"-h", "--help"}


def section_of(verb: str) -> str:
    found = re.search(rf"^## `nightshift {verb}\b.*?(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    return found[0] if found else ""


@pytest.mark.parametrize("verb", OWN_VERBS, ids=lambda verb: verb.name)
def test_every_flag_and_alias_is_in_the_page(verb: Verb) -> None:
    shared = {"--server", "--token-file", "--json"}
    text = section_of(verb.name)
    assert text, f"docs/cli.md has no section for {verb.name}"
    missing = {flag for flag in flags_of(parser_for(verb)) - shared if not re.search(rf"`{flag}[ `]", text)}
    missing |= {flag for flag in shared if f"`{flag}" not in PAGE}
    missing |= {alias for alias in verb.aliases if f"`{alias}`" not in text}
    assert not missing


def test_the_page_names_no_flag_that_does_not_exist() -> None:
    known = set().union(*(flags_of(parser_for(verb)) for verb in OWN_VERBS)) | {"--help", "--version"}
    for verb in OWN_VERBS:
        named = set(re.findall(r"^\| `(-[-a-zA-Z]+)", section_of(verb.name), re.MULTILINE))
        assert named <= known
