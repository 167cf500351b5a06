"""Enrolment without a process: which token counts, what is final and what is tried again, a server that moved."""

from pathlib import Path

import pytest

from agent_client.agent_config import AgentConfig
from agent_client.enrolment import (
    EnrolmentRefused,
    Identity,
    enrol,
    known_identity,
    load_identity,
    read_token,
    save_identity,
)
from agent_client.system_log import EventLog
from tests.agent_client import faults
from tests.agent_client.fake_server import INSTANCE, FakeServer

IDENTITY = Identity("http://old:1", "agent-1", "s3cret", "host-a", INSTANCE)


def config(state_dir: Path, url: str | None = "http://new:2", **changes: object) -> AgentConfig:
    return AgentConfig(url, state_dir, "host-a", **changes)  # type: ignore[arg-type]


def test_the_identity_is_kept_whole(tmp_path: Path) -> None:
    assert load_identity(tmp_path) is None
    save_identity(tmp_path, IDENTITY)
    assert load_identity(tmp_path) == IDENTITY
    assert IDENTITY.credential == "Agent agent-1:s3cret"


def test_a_server_that_moved_is_the_same_server(tmp_path: Path) -> None:
    save_identity(tmp_path, IDENTITY)
    moved = known_identity(config(tmp_path))
    assert moved is not None
    assert (moved.server_url, moved.agent_id) == ("http://new:2", "agent-1")
    assert known_identity(config(tmp_path, url=None)) == IDENTITY


def test_the_environments_token_wins_over_the_file(tmp_path: Path) -> None:
    (tmp_path / "t").write_text("  from-file \n")
    assert read_token(config(tmp_path, token_file=tmp_path / "t")).secret == "from-file"
    assert read_token(config(tmp_path, token_file=tmp_path / "t", token="from-env")).secret == "from-env"


@pytest.mark.parametrize("token", ["a\nX-Evil: 1", "tökén", "a b", "\x1b[1m"])
def test_a_token_that_could_not_be_a_header_is_refused(tmp_path: Path, token: str) -> None:
    with pytest.raises(EnrolmentRefused, match="NIGHTSHIFT_AGENT_TOKEN does not hold an enrolment token"):
        read_token(config(tmp_path, token=token))


def test_network_failures_are_tried_again_until_it_answers(server: FakeServer, tmp_path: Path) -> None:
    server.fail_next(faults.bad_gateway, faults.overloaded, faults.drop_request)
    pauses: list[float] = []
    identity = enrol(config(tmp_path, server.url, token="enrolment-token"), EventLog(), pauses.append)
    assert len(pauses) == 3
    assert load_identity(tmp_path) == identity
    assert identity.instance_id == INSTANCE
    (registered,) = server.agents.values()
    assert set(registered) == {"name", "hostname", "machine_id", "agent_version", "proto"}


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (401, "unauthorized", "refuses the enrolment token of NIGHTSHIFT_AGENT_TOKEN"),
        (400, "bad_message", "refuses to enrol this host: answered bad_message"),
        (426, "version_too_old", "refuses to enrol this host: answered version_too_old"),
    ],
)
def test_what_only_a_person_can_mend_is_final(
    server: FakeServer, tmp_path: Path, status: int, code: str, words: str
) -> None:
    server.fail_next(faults.coded(status, code))
    with pytest.raises(EnrolmentRefused, match=words):
        enrol(config(tmp_path, server.url, token="t"), EventLog(), lambda seconds: None)
    assert load_identity(tmp_path) is None
