"""A migration that is killed before its commit has left nothing behind; the next run goes on from there.

Django records a migration with deferred statements after its commit: the moment between the two is not covered here.
"""

import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.running import ROOT, environment

pytestmark = [pytest.mark.acceptance, pytest.mark.slow, pytest.mark.matrix(12), pytest.mark.timeout(300)]

MIGRATE = """
import os, signal, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "scheduler_site.settings"
import django
django.setup()
from django.core.management import call_command
from django.db.migrations import Migration

apply, lives = Migration.apply, int(sys.argv[1])

def apply_or_die(self, *arguments, **words):
    global lives
    state = apply(self, *arguments, **words)
    lives -= 1
    if lives == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return state

Migration.apply = apply_or_die
for words in sys.argv[2:] or [""]:
    call_command("migrate", *words.split(), verbosity=0)
"""


def migrate(data_dir: Path, lives: int, *targets: str) -> int:
    """Dies at the end of the migration number `lives` of this run, before its commit; 0 is for ever."""
    command = [sys.executable, "-c", MIGRATE, str(lives), *targets]
    return subprocess.run(command, cwd=ROOT, env=environment(data_dir, 8000), check=False).returncode


def contents(data_dir: Path) -> tuple[set[tuple[str, str]], set[str]]:
    """Recorded migrations, and the statements that make up the tables."""
    with sqlite3.connect(next(data_dir.rglob("nightshift.sqlite3"))) as database:
        recorded = {(app, name) for app, name in database.execute("SELECT app, name FROM django_migrations")}
        tables = {sql for (sql,) in database.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")}
    return recorded, tables


def test_killed_in_every_migration(tmp_path: Path) -> None:
    fresh, broken = tmp_path / "fresh", tmp_path / "broken"
    assert migrate(fresh, 0) == 0
    assert migrate(broken, 0, "tasks 0001", "scheduler_site") == 0
    wanted, _ = contents(fresh)
    before = contents(broken)
    assert before[0] < wanted
    assert migrate(broken, 1) == -signal.SIGKILL
    assert contents(broken) == before
    while migrate(broken, 2) == -signal.SIGKILL:  # one migration further, dead in the next
        recorded = contents(broken)[0]
        assert len(recorded) == len(before[0]) + 1
        before = contents(broken)
    assert contents(broken) == contents(fresh)
