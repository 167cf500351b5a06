"""The example in its small size, submitted with its own `run.sh` to a real server with a real main agent."""

import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.running import ROOT, AgentProcess, Nightshift
from tests.waiting import wait_until

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(600)]

STEPS = ["environment", "corpus", "clean", "baseline", "train", "evaluate", "plot"]
CODE = ROOT / "examples" / "language_model"
# Installing the libraries is most of it where they must be fetched.
CHAIN_SECONDS = 500.0


@pytest.fixture(scope="module")
def agent(nightshift: Nightshift) -> AgentProcess:
    return nightshift.start_agent()


def start_chain(nightshift: Nightshift, folder: Path, **settings: str) -> "subprocess.Popen[str]":
    """`run.sh` as a user starts it, with the command line of this tree."""
    folder.mkdir(parents=True, exist_ok=True)
    cli = folder / "nightshift"
    cli.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m agent_client "$@"\n')
    cli.chmod(0o755)
    connection = {"NIGHTSHIFT_URL": nightshift.url, "NIGHTSHIFT_TOKEN": nightshift.token}
    example = {"NIGHTSHIFT_CLI": str(cli), "EXAMPLE_DIR": str(folder / "example"), "EXAMPLE_SIZE": "small", **settings}
    return subprocess.Popen(
        [str(ROOT / "examples" / "run.sh")],
        cwd=ROOT,
        env={**nightshift.environment(), **connection, **example},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def chain_of(nightshift: Nightshift, count: int = len(STEPS)) -> list[dict[str, Any]]:
    """The latest `count` tasks of the example in the order of their submission, once they are all there."""

    def submitted() -> list[dict[str, Any]]:
        found = nightshift.get(f"/api/tasks/?name=example&page_size={count}")["results"]
        names = [task["name"] for task in found]
        return found if f"example: {STEPS[-1]}" in names and len(found) == count else []

    return sorted(wait_until(submitted, 60, "the chain to be submitted"), key=lambda task: task["id"])


def kill_script_of(agent: AgentProcess, task_id: int) -> None:
    """kill -9 for the whole script, as an out-of-memory killer or an operator would."""
    for record in agent.state_dir.glob("sub_agents/*/started.json"):
        if json.loads((record.parent / "assignment.json").read_text())["task_id"] == task_id:
            os.killpg(json.loads(record.read_text())["pid"], signal.SIGKILL)
            return
    raise AssertionError(f"no script of task {task_id} was started")


def check_figures(result: dict[str, Any], models_beaten: list[str]) -> None:
    for model in models_beaten:
        assert result["perplexity"]["network"] < result["perplexity"][model]
    assert result["scored_tokens"] > 5000
    assert len(result["sample"]) > 40
    picture = Path(result["picture"]).read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert picture.rstrip(b"\0").endswith(b"IEND\xaeB`\x82")


def test_the_chain_learns_and_survives_a_kill(nightshift: Nightshift, agent: AgentProcess, tmp_path: Path) -> None:
    chain = start_chain(nightshift, tmp_path)
    tasks = {task["name"].removeprefix("example: "): task["id"] for task in chain_of(nightshift)}
    assert list(tasks) == STEPS
    runs = tmp_path / "example" / "runs"
    wait_until(lambda: list(runs.glob("*/checkpoint.npz")), CHAIN_SECONDS, "the training's first checkpoint")
    kill_script_of(agent, tasks["train"])
    output, _ = chain.communicate(timeout=CHAIN_SECONDS)
    assert chain.returncode == 0, output
    assert "7 of 7 tasks completed" in output
    assert f"{nightshift.url}/tasks/{tasks['plot']}/" in output

    training = nightshift.task(tasks["train"])
    assert training["attempt_no"] == 2
    assert training["result"]["attempts"] == 2
    second_attempt = nightshift.log(tasks["train"])
    assert b", attempt 2, on " in second_attempt
    assert b"from step 0 of" not in second_attempt
    assert b"100%" in second_attempt
    assert nightshift.task(tasks["evaluate"])["depends_on"][1]["id"] == tasks["train"]
    check_figures(nightshift.task(tasks["plot"])["result"], ["unigram", "bigram"])
    check_its_own_code(tmp_path / "example" / "venv" / "bin" / "python")


def check_its_own_code(python: Path) -> None:
    """The example's checks need its libraries, so they run where the chain has made its environment."""
    command = [str(python), "-W", "error", "-m", "unittest", "discover", "-s", "selftest", "-t", "."]
    done = subprocess.run(command, cwd=CODE, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "OK" in done.stderr.splitlines()[-1]


def python_without_venv(folder: Path, condition: str) -> Path:
    """A Python that cannot make an environment; it says so once the shell's `condition` is true."""
    script = folder / "python-without-venv"
    wait = f"until {condition}; do sleep 0.1; done; exit 7"
    script.write_text(f'#!/bin/sh\nif [ "$2" = venv ]; then {wait}; fi\nexec {shlex.quote(sys.executable)} "$@"\n')
    script.chmod(0o755)
    return script


def test_a_failed_step_cancels_those_after_it(nightshift: Nightshift, agent: AgentProcess, tmp_path: Path) -> None:
    go = tmp_path / "go"
    before = nightshift.get("/api/tasks/?name=example")["count"]
    broken = python_without_venv(tmp_path, f"[ -e {shlex.quote(str(go))} ]")
    chain = start_chain(nightshift, tmp_path, EXAMPLE_PYTHON=str(broken))
    wait_until(lambda: nightshift.get("/api/tasks/?name=example")["count"] == before + 7, 60, "all seven tasks")
    go.touch()
    output, _ = chain.communicate(timeout=CHAIN_SECONDS)
    assert chain.returncode == 7, output
    assert "1 of 7 tasks completed" in output
    statuses = {task["name"]: task["status"] for task in chain_of(nightshift)}
    assert statuses.pop("example: environment") == "failed"
    assert statuses.pop("example: corpus") == "completed"
    assert set(statuses.values()) == {"canceled"}


def test_a_step_that_fails_at_once_ends_the_chain(nightshift: Nightshift, agent: AgentProcess, tmp_path: Path) -> None:
    """It may have failed before those after it were submitted: then they are refused, and the code is still its own."""
    broken = python_without_venv(tmp_path, "true")
    chain = start_chain(nightshift, tmp_path, EXAMPLE_PYTHON=str(broken))
    output, _ = chain.communicate(timeout=CHAIN_SECONDS)
    assert chain.returncode == 7, output
    assert "example: environment   failed" in output
    assert "1 of " in output


def test_a_wrong_size_is_refused_before_anything_is_submitted(nightshift: Nightshift, tmp_path: Path) -> None:
    before = nightshift.get("/api/tasks/")["count"]
    refused = start_chain(nightshift, tmp_path, EXAMPLE_SIZE="huge")
    output, _ = refused.communicate(timeout=60)
    assert refused.returncode == 2
    assert "EXAMPLE_SIZE must be small or normal, not huge" in output
    assert nightshift.get("/api/tasks/")["count"] == before
