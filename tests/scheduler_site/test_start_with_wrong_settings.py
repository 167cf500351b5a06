"""The program itself, as a user starts it with a wrong setting: one sentence, no traceback."""

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.running import ROOT, Site, free_port


def started_with(tmp_path: Path, *command: str, **settings: str) -> "subprocess.CompletedProcess[str]":
    """With SQLite, whatever the tests themselves run on."""
    ours = {"DATA_DIR": str(tmp_path / "data"), **settings}
    others = {name: value for name, value in os.environ.items() if not name.startswith("NIGHTSHIFT_")}
    env = {**others, **{f"NIGHTSHIFT_{name}": value for name, value in ours.items()}}
    return subprocess.run(
        [sys.executable, "manage.py", *(command or ("check",))],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"PORT": "http"}, "NIGHTSHIFT_PORT"),
        ({"HOST": "0.0.0.0"}, "NIGHTSHIFT_INSECURE=1"),
        ({"DATABASE_URL": "oracle://x"}, "NIGHTSHIFT_DATABASE_URL"),
        ({"REDIS_URL": "localhost:6379"}, "NIGHTSHIFT_REDIS_URL"),
        ({"TLS_KEY": "/etc/hostname"}, "NIGHTSHIFT_TLS_CERT"),
        ({"DATA_DIR": "/proc/nothing"}, "NIGHTSHIFT_DATA_DIR"),
    ],
)
def test_one_sentence_names_the_variable(tmp_path: Path, settings: dict[str, str], named: str) -> None:
    done = started_with(tmp_path, **settings)
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert done.stderr.startswith("nightshift: ")
    assert named in done.stderr


@pytest.mark.skipif(find_spec("uvicorn") is not None, reason="uvicorn is installed here")
def test_uvicorn_that_is_not_installed_is_a_clear_word(prepared: Site, tmp_path: Path) -> None:
    shutil.copytree(prepared.data_dir, tmp_path / "data")
    done = started_with(tmp_path, "serve", ASGI="uvicorn", PORT=str(free_port()))
    assert done.returncode == 1
    assert "pip install uvicorn" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_redis_that_does_not_answer_is_a_clear_word(tmp_path: Path) -> None:
    nowhere = f"redis://127.0.0.1:{free_port()}"
    done = started_with(tmp_path, "up", REDIS_URL=nowhere, PORT=str(free_port()))
    assert done.returncode == 1
    assert "Redis cannot be used (see NIGHTSHIFT_REDIS_URL)" in done.stderr
    assert "Traceback" not in done.stderr


def test_serve_says_that_the_database_is_behind(tmp_path: Path) -> None:
    done = started_with(tmp_path, "serve")
    assert done.returncode == 1
    assert "The database is not up to date" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_data_folder_and_its_key_are_private(tmp_path: Path) -> None:
    assert started_with(tmp_path, "check").returncode == 0
    assert (tmp_path / "data").stat().st_mode & 0o077 == 0
    assert (tmp_path / "data" / "secret_key").stat().st_mode & 0o077 == 0
