"""The command line against a real server and main agent: what it sends is taken, what it shows is true."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.running import ROOT, Nightshift

pytestmark = pytest.mark.acceptance

MACHINE = {"cpu_cores": 8, "memory_mib": 64000, "gpus": [{"name": "Pretended", "memory_mib": 24000}]}


class CommandLine:
    """`nightshift` as its user starts it."""

    def __init__(self, server: Nightshift, home: Path) -> None:
        own = {
            "HOME": str(home),
            "NIGHTSHIFT_URL": server.url,
            "NIGHTSHIFT_TOKEN": server.token,
            "PYTHONPATH": str(ROOT),
        }
        self.environment = {**os.environ, **own}
        self.folder = home

    def __call__(self, *words: str, status: int = 0, script: bytes = b"") -> bytes:
        command = [sys.executable, "-m", "agent_client", *words]
        done = subprocess.run(
            command, input=script, capture_output=True, env=self.environment, cwd=self.folder, timeout=120, check=False
        )
        assert done.returncode == status, (words, done.returncode, done.stdout[-500:], done.stderr[-500:])
        return done.stdout

    def json(self, *words: str) -> Any:
        return json.loads(self(*words, "--json"))


@pytest.fixture
def cli(nightshift: Nightshift, tmp_path: Path) -> CommandLine:
    if not nightshift.agents:
        nightshift.start_agent(MACHINE)
    return CommandLine(nightshift, tmp_path)


def test_every_wish_is_taken_and_shown(cli: CommandLine) -> None:
    first = cli("submit", "--wrap", "true").decode().strip()
    wishes = (
        f"-J fine -c 0.5 --mem 1G -G 1 --gpu-mem 4 --gpu-share --priority 2 -t 90m --estimate 1h --retries 2 -d {first}"
    )
    more = "--env A=b --meta run=7 --deadline 2099-01-01 --split-output --description why --template own"
    task_id = cli("submit", "-", *wishes.split(), *more.split(), script=b"echo $A; pwd\n").decode().strip()
    cli("wait", task_id)
    task = cli.json("show", task_id)
    expected = {
        "name": "fine",
        "cpu_cores": 0.5,
        "memory_mib": 1024,
        "gpu_count": 1,
        "gpu_memory": 4096,
        "gpu_share": True,
        "priority": 2,
        "time_limit_seconds": 5400,
        "estimated_seconds": 3600,
        "retries": 2,
        "metadata": {"run": "7"},
        "template_type": "own",
        "description": "why",
        "split_output": True,
        "status": "completed",
    }
    assert {name: task[name] for name in expected} == expected
    assert [item["id"] for item in task["depends_on"]] == [int(first)]
    assert cli("logs", task_id).decode() == f"b\n{cli.folder}\n"


def test_raw_log_is_what_the_script_wrote(cli: CommandLine, tmp_path: Path) -> None:
    data = os.urandom(9_000_001)  # more than one answer of the server holds
    (tmp_path / "data").write_bytes(data)
    task_id = cli("submit", "--wrap", "cat data").decode().strip()
    assert hashlib.sha256(cli("logs", "-f", "--raw", task_id)).digest() == hashlib.sha256(data).digest()
    assert cli("logs", "--raw", task_id) == data
    tail = data[data.rfind(b"\n") + 1 :]
    assert cli("logs", "--raw", "-n", "1", task_id) == tail


@pytest.mark.parametrize(
    ("command", "flags", "status"),
    [("true", (), 0), ("exit 7", (), 7), ("kill -SEGV $$", (), 139), ("sleep 60", ("-t", "1s"), 124)],
)
def test_exits_like_the_task(cli: CommandLine, command: str, flags: tuple[str, ...], status: int) -> None:
    cli("submit", "--wait", "--wrap", command, *flags, status=status)


def test_cancel_and_what_hung_on_it(cli: CommandLine) -> None:
    running = cli("submit", "--wrap", "echo up; sleep 600").decode().strip()
    after = cli("submit", "--wrap", "true", "--after", running).decode().strip()
    assert cli.json("show", after)["status"] == "blocked"
    cli("cancel", running, "--reason", "enough")
    cli("wait", running, after, status=130)
    assert "enough" in cli.json("show", running)["end_sentence"].lower()
    cli("cancel", running, status=1)
    cli("show", "999999", status=1)


def test_lists_hosts_and_templates(cli: CommandLine, nightshift: Nightshift) -> None:
    nightshift.post("/api/templates/", {"name": "train", "script_content": "echo templated\n", "priority": 2})
    task_id = cli("submit", "--template", "train").decode().strip()
    cli("wait", task_id)
    assert cli("logs", task_id) == b"templated\n"
    newest = cli.json("ls", "--limit", "1", "--template", "train", "-s", "completed,running", "--script", "templated")
    assert [(task["id"], task["priority"]) for task in newest] == [(int(task_id), 2)]
    assert b"train" in cli("templates")
    assert b"host-1: online" in cli("hosts")
    assert b"GPU 0 Pretended" in cli("hosts")
    cli("submit", "--wrap", "true", "--priority", "9", status=1)
    cli("submit", "--template", "none such", status=1)
