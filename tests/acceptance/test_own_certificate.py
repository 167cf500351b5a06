"""A server with a certificate of its own: a host enrols by its token alone, a script runs, its output comes home."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.running import ROOT, AgentProcess, Nightshift, Site, free_port, start_process
from tests.waiting import wait_until

pytestmark = pytest.mark.acceptance


@pytest.fixture
def encrypted(prepared: Site, tmp_path: Path) -> Iterator[Nightshift]:
    """Asked over its plain port on loopback; hosts come over TLS."""
    running = Nightshift(prepared, tmp_path)
    tls_port = free_port()
    running.settings = {"TLS": "1", "LOCAL_PORT": str(running.port), "PORT": str(tls_port)}
    running.start()
    yield running
    running.stop()


def packed_token(nightshift: Nightshift) -> str:
    """As the page and the administration show it."""
    code = "from agents.enrolment import *; print(packed(create_token('t')[1]))"
    done = subprocess.run(
        [sys.executable, "manage.py", "shell", "--no-imports", "-c", code],
        cwd=ROOT, env=nightshift.environment(), capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.strip()


def test_a_token_is_all_that_a_host_needs(encrypted: Nightshift, tmp_path: Path) -> None:
    token_file, state, log = tmp_path / "token", tmp_path / "state", tmp_path / "agent.out"
    token_file.touch(mode=0o600)
    token_file.write_text(packed_token(encrypted))
    state.mkdir(mode=0o700)
    arguments = [sys.executable, "-m", "agent_client", "agent", "--token-file", str(token_file)]
    arguments += ["--state-dir", str(state), "--name", "far"]
    agent = AgentProcess(start_process(arguments, log, encrypted.environment()), log, state)
    encrypted.agents.append(agent)
    wait_until(lambda: encrypted._is_online(agent, "far"), 60, "the host to be online")
    task = encrypted.submit("echo over TLS\n")
    assert encrypted.wait_for(task)["status"] == "completed"
    encrypted.wait_for_log(task)
    assert encrypted.log(task) == b"over TLS\n"
    assert f"https://127.0.0.1:{encrypted.settings['PORT']}#sha256=" in (state / "agent.json").read_text()
