"""Threads and processes are counted with those that do the same."""

import os
import threading
import time

import pytest

from benchmarks.cpu_shares import _kind, _seconds, named


@pytest.mark.parametrize(
    ("thread", "name"),
    [("MainThread", "loop"), ("agents_3", "agents"), ("agents_12", "agents"), ("loop-reaper", "loop_reaper")],
)
def test_threads_that_do_the_same_are_one(thread: str, name: str) -> None:
    assert named(thread) == name


def test_sub_agents_are_forks_of_the_zygote() -> None:
    assert _kind(["python", "-m", "agent_client", "zygote", "7"]) == "scripts_and_their_agents"
    assert _kind(["python", "-m", "agent_client", "run"]) == "main_agent"


def test_a_thread_s_seconds_are_its_own() -> None:
    while time.thread_time() < 0.05:
        pass
    assert _seconds(os.getpid(), threading.get_native_id()) >= 0.03
    assert _seconds(os.getpid(), 2**22 + 1) == 0.0
