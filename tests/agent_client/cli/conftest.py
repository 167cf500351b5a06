"""A fake server, a home of its own, and the command line run inside the test or as a real process."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from agent_client.cli.main import main
from tests.agent_client.cli.fake_api import TOKEN, FakeApi

ROOT = Path(__file__).parents[3]


class Result(NamedTuple):
    status: int
    out: str
    err: str


Nightshift = Callable[..., Result]
Started = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def api() -> Iterator[FakeApi]:
    fake = FakeApi()
    yield fake
    fake.stop()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.startswith("NIGHTSHIFT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path


@pytest.fixture
def connected(api: FakeApi, home: Path, monkeypatch: pytest.MonkeyPatch) -> FakeApi:
    monkeypatch.setenv("NIGHTSHIFT_URL", api.url)
    monkeypatch.setenv("NIGHTSHIFT_TOKEN", TOKEN)
    return api


@pytest.fixture
def nightshift(home: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> Nightshift:
    """Run one command line in this process."""

    def run(*words: str) -> Result:
        capfdbinary.readouterr()
        status = main(words)
        sys.stdout.flush()
        out, err = capfdbinary.readouterr()
        return Result(status, out.decode(), err.decode())

    return run


@pytest.fixture
def started(connected: FakeApi) -> Iterator[Started]:
    """Start one command line as a real process; what is left of it ends with the test."""
    processes: list[subprocess.Popen[bytes]] = []

    def start(*words: str, **options: object) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", "from agent_client.cli.main import run; run()", *words]
        pipes: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        # A shell has what it runs in the background ignore SIGINT, and that would be inherited.
        pipes["preexec_fn"] = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)
        process = subprocess.Popen(command, cwd=ROOT, **{**pipes, **options})  # type: ignore[call-overload]
        processes.append(process)
        return process  # type: ignore[no-any-return]

    yield start
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.communicate()
