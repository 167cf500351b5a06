"""The child that is forked ahead of need: in a group as the next grant wants it, or given up with its group."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent_client import wire
from agent_client.process import proc
from agent_client.process.spawn import Command, held
from agent_client.sub_agent.spare import Spare
from tests.agent_client.families.groups import limits, needs_group
from tests.agent_client.sub_agents import make_grant


def grant(**changes: Any) -> wire.Grant:
    return make_grant(host_limits={**limits(), **changes})  # type: ignore[return-value]


@pytest.fixture
def spare() -> Iterator[Spare]:
    spare = Spare()
    yield spare
    spare.drop()


def leaf(spare: Spare) -> list[Path]:
    assert spare._child is not None
    return list(spare._child.group.paths.values())


def test_nothing_is_known_before_the_first_grant(spare: Spare) -> None:
    spare.make()
    assert spare.fitting(grant()) is None


@needs_group
def test_it_is_in_its_group_and_becomes_the_script(spare: Spare, tmp_path: Path) -> None:
    spare.learn(grant())
    spare.make()
    child = spare.fitting(grant())
    assert child is not None
    command = Command(["/bin/sh", "-c", "cat /proc/self/cgroup"], {}, "/", tmp_path / "out", group=child.group)
    with held(command, child):
        assert child.release() is None
    os.waitpid(child.pid, 0)
    assert "-spare-" in (tmp_path / "out").read_text()
    assert child.group.remove()


@needs_group
@pytest.mark.parametrize("changes", [{"max_processes": 77}, {"owner": "another"}])
def test_for_another_grant_it_is_given_up_with_its_group(spare: Spare, changes: dict[str, Any]) -> None:
    spare.learn(grant())
    spare.make()
    paths = leaf(spare)
    assert paths
    assert spare.fitting(grant(**changes)) is None
    assert not any(path.exists() for path in paths)


def test_one_that_died_is_given_up(spare: Spare) -> None:
    spare.learn(make_grant())  # type: ignore[arg-type]
    spare.make()
    assert spare._child is not None
    pid = spare._child.pid
    os.kill(pid, 9)
    while spare._child.is_alive:
        os.sched_yield()
    assert spare.fitting(make_grant()) is None  # type: ignore[arg-type]
    assert proc.read_stat(pid) is None
