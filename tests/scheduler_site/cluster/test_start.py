"""`make run-cluster` where it cannot start: one sentence that says what to do."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scheduler_site.cluster import postgresql, redis_server
from scheduler_site.cluster.postgresql import NoPostgreSQL, PostgreSQL
from scheduler_site.cluster.redis_server import NoRedisServer, RedisServer
from tests.running import ROOT, environment, free_port


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"HOST": "0.0.0.0", "INSECURE": "1"}, "unset NIGHTSHIFT_HOST"),
        ({"DATABASE_URL": "postgres://db.example/nightshift"}, "unset it"),
        ({"REDIS_URL": "redis://redis.example"}, "unset it"),
        ({"TLS": "1"}, "unset it"),
    ],
)
def test_what_is_not_for_a_look_is_refused(tmp_path: Path, settings: dict[str, str], words: str) -> None:
    env = {**environment(tmp_path / "data", free_port()), **{f"NIGHTSHIFT_{key}": settings[key] for key in settings}}
    command = [sys.executable, "-m", "scheduler_site.cluster"]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert words in done.stderr
    assert not (tmp_path / "data").exists()


def test_programs_that_are_not_installed_are_named_with_their_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql.shutil, "which", lambda _name: None)
    monkeypatch.setattr(postgresql, "DEBIAN", tmp_path)
    with pytest.raises(NoPostgreSQL, match="apt-get install postgresql"):
        PostgreSQL(tmp_path, tmp_path / "log", 1)
    monkeypatch.setattr(redis_server.shutil, "which", lambda _name: None)
    with pytest.raises(NoRedisServer, match="apt-get install redis-server"):
        RedisServer(tmp_path, tmp_path / "log", 1)


def test_debian_s_newest_version_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgresql.shutil, "which", lambda _name: None)
    monkeypatch.setattr(postgresql, "DEBIAN", tmp_path)
    for version in ("9", "15", "17"):
        (tmp_path / version / "bin").mkdir(parents=True)
        (tmp_path / version / "bin" / "postgres").touch()
    assert postgresql.program("postgres") == str(tmp_path / "17" / "bin" / "postgres")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs another account")
def test_root_without_an_account_for_it_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(_name: str) -> None:
        raise KeyError

    monkeypatch.setattr(postgresql, "program", lambda _name: "/bin/true")
    monkeypatch.setattr(postgresql.pwd, "getpwnam", nobody)
    with pytest.raises(NoPostgreSQL, match="does not run as root"):
        PostgreSQL(tmp_path, tmp_path / "log", 1)


def test_redis_password_is_nobody_else_s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_server.shutil, "which", lambda _name: "/bin/true")
    redis = RedisServer(tmp_path, tmp_path / "log", 7)
    redis.prepare()
    assert redis.settings_file.stat().st_mode & 0o077 == 0
    assert redis.password in redis.settings_file.read_text()
    assert redis.password not in " ".join(redis.command)
