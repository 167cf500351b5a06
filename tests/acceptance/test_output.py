"""Output arrives byte for byte, whatever it is and however much; nobody's memory grows with it."""

import hashlib
import subprocess
import threading
from pathlib import Path

import pytest

from tests.acceptance.processes import parent_of, peak_memory_mib, script_pid
from tests.running import AgentProcess, Nightshift

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300), pytest.mark.matrix(43, 44)]

BINARY = """#!/usr/bin/env python3
import random, sys
make = random.Random(7)
for _ in range({megabytes}):
    sys.stdout.buffer.write(make.randbytes(1 << 20).replace(b"\\n", b"\\r"))
"""
MANY_LINES = "seq -f 'line %.0f of a talkative script' 1 {lines}\n"
EVERY_BYTE = """#!/usr/bin/env python3
import os, time
for byte in range(256):
    os.write(1 + byte % 2, bytes([byte]))
for piece in "€漢字🙂".encode():
    os.write(1, bytes([piece]))
    time.sleep(0.02)
"""


@pytest.fixture(scope="module")
def agent(nightshift: Nightshift) -> AgentProcess:
    """Of a server that keeps all of every output."""
    nightshift.settings["LOG_MAX_MIB"] = "0"
    nightshift.restart()
    return nightshift.start_agent()


def local_hash(script: str, folder: Path) -> str:
    """SHA-256 of what the script writes here, stdout and stderr together."""
    file = folder / "script"
    file.write_text(script)
    interpreter = "python3" if script.startswith("#!/usr/bin/env python3") else "bash"
    digest = hashlib.sha256()
    with subprocess.Popen([interpreter, str(file)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as child:
        assert child.stdout is not None
        while block := child.stdout.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def stored_hash(nightshift: Nightshift, task_id: int) -> tuple[str, int]:
    """Of the complete output of a finished task, read as a user's download is."""
    nightshift.wait_for_log(task_id)
    digest, size = hashlib.sha256(), 0
    with nightshift.http.get(f"{nightshift.url}/api/tasks/{task_id}/log", stream=True, timeout=120) as reply:
        for block in reply.iter_content(1 << 20):
            digest.update(block)
            size += len(block)
    return digest.hexdigest(), size


class PeakMemory(threading.Thread):
    """The most memory of the sub agent of a task while it lives."""

    def __init__(self, agent: AgentProcess, task_id: int) -> None:
        super().__init__(daemon=True)
        self.agent, self.task_id, self.peak, self.ended = agent, task_id, 0.0, threading.Event()

    def run(self) -> None:
        while not self.ended.wait(0.05):
            pid = script_pid(self.agent, self.task_id)
            sub_agent = parent_of(pid) if pid else 0
            if sub_agent > 1:
                self.peak = max(self.peak, peak_memory_mib(sub_agent))


def test_200_mb_of_binary_without_a_newline(nightshift: Nightshift, agent: AgentProcess, tmp_path: Path) -> None:
    script = BINARY.format(megabytes=200)
    assert nightshift.server is not None
    server_before = peak_memory_mib(nightshift.server.pid)
    task_id = nightshift.submit(script)
    memory = PeakMemory(agent, task_id)
    memory.start()
    assert nightshift.wait_for(task_id, seconds=120)["status"] == "completed"
    stored, size = stored_hash(nightshift, task_id)
    memory.ended.set()
    memory.join()
    assert size == 200 << 20
    assert stored == local_hash(script, tmp_path)
    assert peak_memory_mib(nightshift.server.pid) - server_before < 100, "the server's memory grew with the output"
    assert 0 < memory.peak < 100, "the sub agent's memory grew with the output"
    assert peak_memory_mib(agent.pid) < 150, "the main agent's memory grew with the output"


def test_ten_thousand_lines_a_second(nightshift: Nightshift, agent: AgentProcess, tmp_path: Path) -> None:
    script = MANY_LINES.format(lines=50_000)
    task_id = nightshift.submit(script)
    assert nightshift.wait_for(task_id)["status"] == "completed"
    assert stored_hash(nightshift, task_id)[0] == local_hash(script, tmp_path)


def test_every_byte_and_characters_in_pieces_over_both_streams(
    nightshift: Nightshift, agent: AgentProcess, tmp_path: Path
) -> None:
    task_id = nightshift.submit(EVERY_BYTE)
    assert nightshift.wait_for(task_id)["status"] == "completed"
    assert stored_hash(nightshift, task_id)[0] == local_hash(EVERY_BYTE, tmp_path)


def test_streams_apart_when_asked(nightshift: Nightshift, agent: AgentProcess) -> None:
    task_id = nightshift.submit("echo to out; echo to err >&2\n", split_output=True)
    nightshift.wait_for(task_id)
    nightshift.wait_for_log(task_id)
    assert nightshift.log(task_id) == b"to out\n"
    reply = nightshift.http.get(f"{nightshift.url}/api/tasks/{task_id}/log?stream=err", timeout=30)
    assert reply.content == b"to err\n"


def test_a_script_that_closes_its_output_and_one_that_says_nothing(nightshift: Nightshift, agent: AgentProcess) -> None:
    closed = nightshift.submit("exec >&- 2>&-\nexit 4\n")
    silent = nightshift.submit("true\n")
    assert nightshift.wait_for(closed)["exit_code"] == 4
    assert nightshift.wait_for(silent)["status"] == "completed"
    assert nightshift.log(closed) == nightshift.log(silent) == b""
