import json
from pathlib import Path
from typing import Any

import pytest

from agents.enrolment import find_token
from agents.models import EnrolmentToken
from scheduler_site.shared.identity import instance_id
from scheduler_site.up.enrolment import agent_command, enrol, state_dir, token_file
from tests.factories import make_agent

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def folder(settings: Any, tmp_path: Path) -> Path:
    settings.LOCAL_AGENT_DIR = tmp_path / "agent"
    state_dir().mkdir(parents=True)
    return state_dir()


def write_identity(folder: Path, agent_id: str, instance: str) -> None:
    (folder / "agent.json").write_text(json.dumps({"agent_id": agent_id, "instance_id": instance}))


def test_the_first_start_gets_a_token_in_a_private_file() -> None:
    enrol()
    assert token_file().stat().st_mode & 0o077 == 0
    assert find_token(token_file().read_text()) is not None
    assert token_file().read_text() not in agent_command()


def test_an_agent_that_is_known_needs_none(folder: Path) -> None:
    write_identity(folder, str(make_agent().pk), instance_id())
    enrol()
    assert EnrolmentToken.objects.count() == 0
    assert (folder / "agent.json").exists()


@pytest.mark.parametrize("instance", ["another", ""])
def test_the_identity_of_a_replaced_database_is_set_aside(folder: Path, instance: str) -> None:
    write_identity(folder, str(make_agent().pk), instance)
    enrol()
    assert EnrolmentToken.objects.count() == 1
    assert not (folder / "agent.json").exists()
    assert (folder / f"agent.json.{instance}").exists()


def test_a_damaged_identity_is_set_aside(folder: Path) -> None:
    (folder / "agent.json").write_text("{")
    enrol()
    assert (folder / "agent.json.damaged").exists()
