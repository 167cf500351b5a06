import fcntl
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from agents.enrolment import find_token
from agents.models import EnrolmentToken
from scheduler_site.access.tokens import find_token as find_api_token
from scheduler_site.access.tokens import revoke_token
from scheduler_site.shared.identity import instance_id
from scheduler_site.up.local_agent import LocalAgent, state_dir
from scheduler_site.up.profile import own_token
from tests.factories import make_agent
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def folder(settings: Any, tmp_path: Path) -> Path:
    settings.LOCAL_AGENT_DIR = tmp_path / "agent"
    settings.SYSTEM_LOG_DIR = tmp_path
    state_dir().mkdir(parents=True)
    return state_dir()


def write_identity(folder: Path, agent_id: str, instance: str) -> None:
    (folder / "agent.json").write_text(json.dumps({"agent_id": agent_id, "instance_id": instance}))


def test_the_first_start_gets_a_token_in_a_private_file() -> None:
    agent = LocalAgent()
    agent.enrol()
    assert agent.token_file.stat().st_mode & 0o077 == 0
    assert find_token(agent.token_file.read_text()) is not None
    assert agent.token_file.read_text() not in agent.command


def test_an_agent_that_is_known_needs_none(folder: Path) -> None:
    write_identity(folder, str(make_agent().pk), instance_id())
    LocalAgent().enrol()
    assert EnrolmentToken.objects.count() == 0
    assert (folder / "agent.json").exists()


@pytest.mark.parametrize("instance", ["another", ""])
def test_the_identity_of_a_replaced_database_is_set_aside(folder: Path, instance: str) -> None:
    write_identity(folder, str(make_agent().pk), instance)
    LocalAgent().enrol()
    assert EnrolmentToken.objects.count() == 1
    assert not (folder / "agent.json").exists()
    assert (folder / f"agent.json.{instance}").exists()


def test_a_damaged_identity_is_set_aside(folder: Path) -> None:
    (folder / "agent.json").write_text("{")
    LocalAgent().enrol()
    assert (folder / "agent.json.damaged").exists()


def test_a_left_over_agent_is_watched_and_not_fought(folder: Path) -> None:
    agent = LocalAgent()
    agent.command = ["/nonexistent"]
    with (folder / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        agent.tend()
        assert agent.process is None
    with pytest.raises(FileNotFoundError):
        agent.tend()


def test_the_command_line_s_token_is_kept_while_it_is_good(tmp_path: Path) -> None:
    path = tmp_path / "cli_token"
    first = own_token(path)
    assert path.stat().st_mode & 0o077 == 0
    assert own_token(path) == first
    row = find_api_token(first)
    assert row is not None
    revoke_token(row)
    assert own_token(path) != first


def test_an_agent_that_was_told_to_end_is_not_started_again(folder: Path) -> None:
    agent = LocalAgent()
    agent.command = [sys.executable, "-c", "raise SystemExit(5)"]
    agent.start()
    wait_until(lambda: agent.tend() or agent.ends, what="its end")
    agent._start_after = 0.0
    agent.tend()
    assert agent.is_over
    assert not agent.is_running()
