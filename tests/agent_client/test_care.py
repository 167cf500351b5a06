"""A state directory that was copied or moved: hands off until nobody else speaks for the host."""

import json
import shutil
from pathlib import Path

import pytest

from agent_client.main_agent import home
from agent_client.main_agent.care import CALM_BEATS, Care
from agent_client.main_agent.context import Context
from tests.agent_client.fake_server import FakeServer
from tests.agent_client.main_agent_process import make_context

CALM = {"next_in_seconds": 2.0}


@pytest.fixture
def context(server: FakeServer, tmp_path: Path) -> Context:
    found = make_context(server, tmp_path / "copy")
    found.is_unproven = True
    return found


def test_a_first_start_and_the_next_are_at_home(tmp_path: Path) -> None:
    assert home.is_own(tmp_path)
    home.settle(tmp_path)
    assert home.is_own(tmp_path)


def test_a_copy_and_another_machine_are_not(tmp_path: Path) -> None:
    original = tmp_path / "original"
    original.mkdir()
    home.settle(original)
    shutil.copytree(original, tmp_path / "copy")
    assert not home.is_own(tmp_path / "copy")
    noted = json.loads((original / home.FILE).read_text())
    (original / home.FILE).write_text(json.dumps({**noted, "machine_id": "another"}))
    assert not home.is_own(original)
    (original / home.FILE).write_text("{")
    assert not home.is_own(original)


def test_after_some_calm_beats_it_is_itself_again(context: Context) -> None:
    care = Care(context)
    assert [care.heed(CALM) for _ in range(CALM_BEATS)] == [*[False] * (CALM_BEATS - 1), True]
    assert not context.hands_off
    assert home.is_own(context.config.state_dir)


def test_somebody_else_who_speaks_makes_it_wait(context: Context) -> None:
    care = Care(context)
    for _ in range(10):
        care.heed({"epoch": 1})
        for _ in range(CALM_BEATS - 1):
            assert not care.heed(CALM)
        care.disturbed()
    assert context.hands_off


def test_a_quarantine_lasts_until_the_server_says_so(context: Context) -> None:
    context.is_unproven = False
    care = Care(context)
    assert not care.heed({**CALM, "quarantined": True})
    assert context.hands_off
    assert care.heed(CALM)
    assert not context.hands_off
