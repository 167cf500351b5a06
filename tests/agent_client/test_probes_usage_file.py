"""The usage file of a declared machine: read again when it changed; a bad one is said once and changes nothing."""

import json
import logging
import os
from pathlib import Path
from typing import Any

import pytest

from agent_client.main_agent.run import declared_machine
from agent_client.probes.declared import DeclaredMachine
from agent_client.sub_agent_dir import SubAgentDir
from tests.agent_client.main_agent_process import grant_of

CARD = {"name": "Pretend A100", "memory_mib": 49152}


@pytest.fixture
def usage(tmp_path: Path) -> Path:
    return tmp_path / "usage.json"


@pytest.fixture
def machine(tmp_path: Path) -> DeclaredMachine:
    file = tmp_path / "machine.json"
    said = {"cpu_cores": 8, "memory_mib": 1000, "gpus": [CARD, CARD], "usage_file": "usage.json"}
    file.write_text(json.dumps(said))
    return declared_machine(file, tmp_path / "state")


def put(path: Path, value: Any) -> None:
    """As a test does that pretends an outsider: never half a file."""
    fresh = path.with_suffix(".new")
    fresh.write_text(value if isinstance(value, str) else json.dumps(value))
    fresh.rename(path)


def used(machine: DeclaredMachine) -> list[int | None]:
    return [card.memory_used_mib for card in machine.read().gpus]


def test_an_outsider_comes_and_goes(machine: DeclaredMachine, usage: Path) -> None:
    put(usage, {"gpus": [{"outsiders_mib": 0}, {"outsiders_mib": 0}]})
    assert used(machine) == [0, 0]
    put(usage, {"memory_used_mib": 900, "gpus": [{"outsiders_mib": 0}, {"outsiders_mib": 30720}]})
    assert used(machine) == [0, 30720]
    assert machine.memory().used_mib == 900
    assert [card.own_mib for card in machine.read().gpus] == [0, 0]
    put(usage, {})
    assert used(machine) == [None, None]


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ("{", "Expecting property name"),
        ("[]", "must be an object"),
        ({"gpus": [{"outsiders_mib": -1}]}, "gpus[0].outsiders_mib must be a whole number"),
        ({"gpus": [{}, {}, {}]}, "gpus names more cards than are declared"),
        ({"at_seconds": 3}, "at_seconds is unknown"),
        ('{"memory_used_mib": NaN}', "memory_used_mib must be a whole number"),
    ],
)
def test_a_bad_file_is_said_once_and_the_last_reading_stays(
    machine: DeclaredMachine, usage: Path, caplog: pytest.LogCaptureFixture, bad: Any, words: str
) -> None:
    caplog.set_level(logging.ERROR)
    put(usage, {"memory_used_mib": 7})
    assert machine.memory().used_mib == 7
    put(usage, bad)
    assert [machine.memory().used_mib for _ in range(3)] == [7, 7, 7]
    (record,) = caplog.records
    assert words in str(vars(record))
    put(usage, {"memory_used_mib": 8})
    assert machine.memory().used_mib == 8


def test_a_file_that_is_missing_is_taken_when_it_comes_and_again_when_it_comes_back(
    machine: DeclaredMachine, usage: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert machine.memory().used_mib is None
    put(usage, {"memory_used_mib": 7})
    assert machine.memory().used_mib == 7
    away = usage.rename(usage.with_suffix(".away"))
    assert machine.memory().used_mib == 7
    away.rename(usage)
    assert machine.memory().used_mib == 7
    said = [vars(record) for record in caplog.records]
    assert sum("No such file" in str(record) for record in said) == 2


def test_what_a_task_uses_counts_while_it_runs_here(machine: DeclaredMachine, usage: Path, tmp_path: Path) -> None:
    put(usage, {"tasks": [{"task_id": 3, "gpus": [{"index": 1, "memory_mib": 5000}]}]})
    assert machine.read().users == ()
    folder = SubAgentDir.create(tmp_path / "state" / "sub_agents", "s1")
    values: Any = grant_of("s1")
    folder.write_assignment({**values, "nonce": "n"})
    descriptor = folder.acquire_lock()
    (user,) = machine.read().users or ()
    assert (user.sub_agent_id, user.memory_mib) == ("s1", 5000)
    assert [card.own_mib for card in machine.read().gpus] == [0, 5000]

    os.close(descriptor)
    assert machine.read().users == ()
