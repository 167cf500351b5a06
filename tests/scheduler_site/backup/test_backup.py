"""Backups of a small data folder: what is in them, what they refuse, and that what was interrupted looks like none."""

import hashlib
import json
import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from scheduler_site.backup import database, live, make, manifest, output
from scheduler_site.backup.manifest import BadBackup
from scheduler_site.shared.identity import identity_row
from tasks.models import FenceCounter
from tasks.output.log_gaps import Gap

TEXT = b"0123456789" * 1000


# As much of the tables as a backup looks at; tests/acceptance/test_backup.py has real ones.
TABLES = """
CREATE TABLE scheduler_site_serveridentity (instance_id TEXT, generation TEXT);
CREATE TABLE scheduler_site_looplease (name TEXT, holder TEXT);
CREATE TABLE django_migrations (app TEXT, name TEXT);
CREATE TABLE tasks_taskevent (id INTEGER);
CREATE TABLE tasks_fencecounter (value INTEGER);
CREATE TABLE tasks_subagent (id INTEGER, task_id INTEGER, attempt_no INTEGER, rank INTEGER);
CREATE TABLE tasks_outputlog (id INTEGER, sub_agent_id INTEGER, stream TEXT, stored_bytes INTEGER, gaps TEXT,
                              state TEXT, sha256 TEXT, pruned_at TEXT, pruned_because TEXT);
INSERT INTO scheduler_site_serveridentity VALUES ('the-instance', 'the-first');
INSERT INTO scheduler_site_looplease VALUES ('reaper', 'somebody');
INSERT INTO django_migrations VALUES ('tasks', '0001_first_tables');
INSERT INTO tasks_taskevent VALUES (41);
INSERT INTO tasks_fencecounter VALUES (7);
INSERT INTO tasks_subagent VALUES (1, 1, 1, 0), (2, 1, 2, 0);
"""


@pytest.fixture
def site(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with one complete stream and one that still grows; the settings are those of its server."""
    data = tmp_path / "data"
    (data / "database").mkdir(parents=True)
    (data / "logs/tasks/1").mkdir(parents=True)
    (data / "secret_key").write_text("key\n")
    for number in (1, 2):
        (data / f"logs/tasks/1/{number}.log").write_bytes(TEXT + b"not in the row yet")
    file = data / "database/nightshift.sqlite3"
    with closing(sqlite3.connect(file)) as rows:
        rows.executescript(f"PRAGMA journal_mode=WAL; {TABLES}")
        streams = [(1, 1, "complete", hashlib.sha256(TEXT).hexdigest()), (2, 2, "open", "")]
        for number, attempt, state, digest in streams:
            values = (number, attempt, "out", len(TEXT), "[]", state, digest)
            rows.execute("INSERT INTO tasks_outputlog VALUES (?, ?, ?, ?, ?, ?, ?, NULL, '')", values)
        rows.commit()
    settings.DATA_DIR, settings.TASK_LOG_DIR, settings.IS_SQLITE = data, data / "logs/tasks", True
    monkeypatch.setitem(settings.DATABASES["default"], "NAME", str(file))
    return data


def test_it_holds_database_output_and_key(site: Path, tmp_path: Path) -> None:
    made = make.make(tmp_path / "copy")
    assert manifest.verify(tmp_path / "copy") == made
    assert {part.path: part.size for part in made.output} == {
        "logs/tasks/1/1.log": len(TEXT),
        "logs/tasks/1/2.log": len(TEXT),
    }
    assert (tmp_path / "copy/logs/tasks/1/2.log").read_bytes() == TEXT
    assert (tmp_path / "copy").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "copy/secret_key").stat().st_mode & 0o777 == 0o600
    assert (made.instance_id, made.commit_seq) == ("the-instance", 41)
    assert list(tmp_path.glob("copy.partial*")) == []


def test_output_that_is_removed_meanwhile_is_not_expected(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The copied database had it; when its file was to be copied, retention had taken it."""
    bring = output.bring

    def pruned_before(source: Path, target: Path, stream: database.Stream) -> None:
        with database.opened(Path(settings.DATABASES["default"]["NAME"])) as rows:
            rows.execute(
                "UPDATE tasks_outputlog SET state = 'pruned', pruned_at = '2026-11-26', pruned_because = 'old'"
            )
        (source / output.path_of(stream)).unlink()
        bring(source, target, stream)

    monkeypatch.setattr(output, "bring", pruned_before)
    made = make.make(tmp_path / "copy")
    assert made.output == []
    assert manifest.verify(tmp_path / "copy") == made
    with database.opened(tmp_path / "copy/nightshift.sqlite3") as rows:
        kept = rows.execute("SELECT DISTINCT state, pruned_because FROM tasks_outputlog").fetchall()
    assert kept == [("pruned", "old")]


def test_complete_output_is_linked_and_growing_output_is_not(site: Path, tmp_path: Path) -> None:
    make.make(tmp_path / "copy")
    inodes = [(tmp_path / f"copy/logs/tasks/1/{number}.log").stat().st_ino for number in (1, 2)]
    originals = [(site / f"logs/tasks/1/{number}.log").stat().st_ino for number in (1, 2)]
    assert inodes[0] == originals[0]
    assert inodes[1] != originals[1]


def test_gaps_stay_holes_and_are_not_compared(tmp_path: Path) -> None:
    source, target = tmp_path / "a", tmp_path / "b"
    source.write_bytes(TEXT)
    gaps = (Gap(100, 9000, "cap"),)
    output.copy(source, target, len(TEXT), gaps)
    assert target.read_bytes() == TEXT[:100] + bytes(8900) + TEXT[9000:]
    assert manifest.digest_of(target, len(TEXT), gaps) == manifest.digest_of(source, len(TEXT), gaps)


def test_what_is_dropped_while_it_is_made_is_a_gap_in_it(site: Path, tmp_path: Path, monkeypatch: Any) -> None:
    bring = output.bring

    def bring_and_drop(*arguments: Any) -> None:
        with (site / "logs/tasks/1/2.log").open("r+b") as file:
            file.write(bytes(500))
        with database.opened(site / "database/nightshift.sqlite3") as rows:
            rows.execute("UPDATE tasks_outputlog SET gaps = '[[0, 500, \"cap\"]]' WHERE state = 'open'")
        bring(*arguments)

    monkeypatch.setattr(output, "bring", bring_and_drop)
    (_, growing) = make.make(tmp_path / "copy").output
    assert growing.gaps == [[0, 500, "cap"]]
    with database.opened(tmp_path / "copy/nightshift.sqlite3") as rows:
        assert database.streams(rows)[1].gaps == (Gap(0, 500, "cap"),)
    manifest.verify(tmp_path / "copy")


def test_writers_neither_wait_nor_keep_it_from_its_end(site: Path, tmp_path: Path, monkeypatch: Any) -> None:
    """Small steps with rests, and a writer that commits in each of them: without a held moment it would never end."""
    monkeypatch.setattr(database, "PAGES_A_STEP", 20)
    file, written, is_over = site / "database/nightshift.sqlite3", threading.Event(), threading.Event()

    def write() -> None:
        with closing(sqlite3.connect(file, timeout=5)) as rows:
            rows.execute("PRAGMA journal_mode=WAL")
            while not is_over.is_set():
                rows.execute("UPDATE scheduler_site_looplease SET holder = holder || 'x'")
                rows.execute("INSERT INTO tasks_fencecounter (value) VALUES (1)")
                rows.commit()
                written.set()

    writer = threading.Thread(target=write)
    writer.start()
    assert written.wait(10)
    database.copy(file, tmp_path / "copied.sqlite3")
    is_over.set()
    writer.join(10)
    with database.opened(file) as live, database.opened(tmp_path / "copied.sqlite3") as copied:
        count = "SELECT count(*) FROM tasks_fencecounter"
        assert 0 < copied.execute(count).fetchone()[0] <= live.execute(count).fetchone()[0]


def test_what_exists_is_refused(site: Path, tmp_path: Path) -> None:
    (tmp_path / "copy").mkdir()
    with pytest.raises(CommandError, match="exists already"):
        call_command("backup", str(tmp_path / "copy"))


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_what_was_interrupted_leaves_nothing(
    site: Path, tmp_path: Path, monkeypatch: Any, error: BaseException
) -> None:
    def fail(*_arguments: Any) -> None:
        raise error

    monkeypatch.setattr(manifest, "write", fail)
    with pytest.raises(type(error)):
        make.make(tmp_path / "copy")
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_a_folder_without_its_manifest_is_no_backup(site: Path, tmp_path: Path) -> None:
    make.make(tmp_path / "copy")
    (tmp_path / "copy/manifest.json").unlink()
    with pytest.raises(CommandError, match="is no backup"):
        call_command("backup", str(tmp_path / "copy"), "--verify")


@pytest.mark.parametrize("path", ["nightshift.sqlite3", "secret_key", "logs/tasks/1/2.log"])
@pytest.mark.parametrize("harm", ["changed", "shorter", "gone"])
def test_verify_finds_what_is_damaged(site: Path, tmp_path: Path, path: str, harm: str) -> None:
    make.make(tmp_path / "copy")
    file = tmp_path / "copy" / path
    data = file.read_bytes()
    if harm == "gone":
        file.unlink()
    else:
        file.write_bytes(data[:-1] if harm == "shorter" else data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(BadBackup, match=str(file)):
        manifest.verify(tmp_path / "copy")


def test_restore_refuses_a_full_folder(site: Path, tmp_path: Path) -> None:
    make.make(tmp_path / "copy")
    with pytest.raises(CommandError, match="has a database already"):
        call_command("restore", str(tmp_path / "copy"))
    (site / "database/nightshift.sqlite3").unlink()
    with pytest.raises(CommandError, match="is not empty"):
        call_command("restore", str(tmp_path / "copy"))


def test_restore_refuses_what_a_newer_version_made(site: Path, tmp_path: Path) -> None:
    make.make(tmp_path / "copy")
    file = tmp_path / "copy/manifest.json"
    raw = json.loads(file.read_text())
    file.write_text(json.dumps({**raw, "migrations": [*raw["migrations"], "tasks.0999_later"]}))
    empty(site)
    with pytest.raises(CommandError, match=r"newer version of Nightshift: tasks\.0999_later"):
        call_command("restore", str(tmp_path / "copy"))


def test_restored_output_may_be_written_without_harm_to_the_backup(site: Path, tmp_path: Path) -> None:
    make.make(tmp_path / "copy")
    empty(site)
    call_command("restore", str(tmp_path / "copy"))
    (site / "logs/tasks/1/1.log").write_bytes(b"other")
    manifest.verify(tmp_path / "copy")
    assert (site / "secret_key").read_text() == "key\n"
    with database.opened(site / "database/nightshift.sqlite3") as rows:
        assert rows.execute("SELECT value > 1000 FROM tasks_fencecounter").fetchone() == (1,)
        assert len(generation_of(rows)) == 16


def test_a_backup_of_before_generations_is_restored(site: Path, tmp_path: Path) -> None:
    with database.opened(site / "database/nightshift.sqlite3") as rows:
        rows.execute("ALTER TABLE scheduler_site_serveridentity DROP COLUMN generation")
    make.make(tmp_path / "copy")
    empty(site)
    call_command("restore", str(tmp_path / "copy"))
    with database.opened(site / "database/nightshift.sqlite3") as rows:
        assert database.instance_id(rows) == "the-instance"


@pytest.mark.django_db
def test_a_database_that_is_restored_by_its_own_tools_begins_anew() -> None:
    before = identity_row().generation
    FenceCounter.objects.update_or_create(pk=1, defaults={"value": 7})
    live.begin_anew(1000)
    assert FenceCounter.objects.get().value == 1007
    assert identity_row().generation != before


def generation_of(rows: sqlite3.Connection) -> str:
    return str(rows.execute("SELECT generation FROM scheduler_site_serveridentity").fetchone()[0])


def empty(site: Path) -> None:
    (site / "database/nightshift.sqlite3").unlink()
    for suffix in ("-wal", "-shm"):
        Path(f"{site / 'database/nightshift.sqlite3'}{suffix}").unlink(missing_ok=True)
    for file in Path(settings.TASK_LOG_DIR).rglob("*.log"):
        file.unlink()
    (Path(settings.TASK_LOG_DIR) / "1").rmdir()
