"""Several folders go together: in which order, with which syncs, and what is done meanwhile."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from agent_client import retained
from agent_client.main_agent import forget as forgetting
from agent_client.main_agent.claims_ahead import Granted
from agent_client.main_agent.context import Context
from agent_client.main_agent.forget import forget_all
from agent_client.main_agent.memory import BeatMemory
from agent_client.main_agent.perform import Performer
from agent_client.reconcile import Forget
from agent_client.sub_agent.finish import never_ran
from agent_client.sub_agent_dir import REMOVED_PREFIX, SubAgentDir
from tests.agent_client.fake_server import FakeServer
from tests.agent_client.main_agent_process import grant_of, make_context

NAMES = ("s1", "s2", "s3")


@pytest.fixture
def context(server: FakeServer, tmp_path: Path) -> Context:
    made = make_context(server, tmp_path)
    for name in NAMES:
        folder = SubAgentDir.create(made.sub_agents, name)
        values: Any = grant_of(name)
        folder.write_assignment({**values, "nonce": "n"})
        folder.write_grant({**values, "server_url": server.url})
        folder.write_exit(never_ran("sub_lost", "it died", {"out": 0}, "now"))
        folder.write_delivered({"result_code": "ok", "streams": {}})
    return made


def lying(context: Context) -> list[str]:
    return sorted(path.name for path in context.sub_agents.iterdir())


def paths(context: Context) -> list[Path]:
    return [context.sub_agents / name for name in NAMES]


def test_each_parent_is_synced_once_and_before_the_next_step(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[list[str], list[str]]] = []

    def noting(path: Path) -> None:
        seen.append((sorted(path.name for path in context.retained.iterdir()), lying(context)))

    monkeypatch.setattr(retained, "sync_folder", noting)
    monkeypatch.setattr(forgetting, "sync_folder", noting)
    forget_all(paths(context))
    kept = [f"{name}.json" for name in NAMES]
    assert seen == [(kept, list(NAMES)), (kept, [f"{REMOVED_PREFIX}{name}" for name in NAMES])]
    assert lying(context) == []


def test_one_that_cannot_go_keeps_no_other(context: Context) -> None:
    path = context.sub_agents / "s2" / "delivered.json"
    path.unlink()
    path.mkdir()  # cannot be read
    forget_all(paths(context))
    assert lying(context) == ["s2"]


def test_a_folder_that_has_gone_is_none_of_them(context: Context) -> None:
    shutil.rmtree(context.sub_agents / "s2")
    forget_all(paths(context))
    assert lying(context) == []


def test_folders_that_were_not_set_apart_durably_are_not_emptied(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(path: Path) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(forgetting, "sync_folder", failing)
    forget_all(paths(context))
    assert lying(context) == [f"{REMOVED_PREFIX}{name}" for name in NAMES]
    assert all(list((context.sub_agents / name).iterdir()) for name in lying(context))


def test_what_is_granted_meanwhile_is_started_before_the_last_has_gone(context: Context) -> None:
    performer = Performer(context, context.identity.http(), BeatMemory())
    grant: Any = grant_of("new")
    begun: list[list[str]] = []

    def launch(directory: Path) -> None:
        begun.append(lying(context))

    context.launcher.launch = launch  # type: ignore[method-assign]
    context.ahead.take = iter([[Granted("n", grant, 0.0)], *[[]] * 10]).__next__  # type: ignore[method-assign]
    performer.perform_all([Forget(name) for name in NAMES])
    assert begun == [["new", *NAMES]]
    assert lying(context) == ["new"]
