"""Make one backup: the database first, then the output that it knows of, then the manifest. Written under another name
and renamed at the end, so that what was interrupted never looks whole."""

import os
import secrets
import shutil
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings

from scheduler_site.backup import database, live, manifest, output
from scheduler_site.backup.database import Stream
from scheduler_site.backup.manifest import BadBackup, Manifest

DATABASE = "nightshift.sqlite3"
SECRET_KEY = "secret_key"  # noqa: S105 - the name of a file


def make(target: Path) -> Manifest:
    """BadBackup when there is something at `target` already, OSError when the disk is full or not writable."""
    if target.exists() or target.is_symlink():
        raise BadBackup(f"{target} exists already; a backup is made into a folder that does not.")
    partial = target.with_name(f"{target.name}.partial-{secrets.token_hex(4)}")
    partial.mkdir(parents=True, mode=0o700)
    try:
        made = _fill(partial)
        manifest.write(partial, made)
        _to_stable_storage(partial)
        partial.rename(target)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    _fsync(target.parent)
    return made


def _fill(folder: Path) -> Manifest:
    facts = _copied_database(folder) if settings.IS_SQLITE else live.facts()
    for stream in facts.streams:
        output.bring(Path(settings.TASK_LOG_DIR), folder / output.FOLDER, stream)
    key = folder / SECRET_KEY
    key.touch(mode=0o600)
    key.write_bytes((settings.DATA_DIR / SECRET_KEY).read_bytes())
    streams = _streams_of_now(folder) if settings.IS_SQLITE else facts.streams
    return Manifest(
        instance_id=facts.instance_id,
        commit_seq=facts.commit_seq,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        migrations=facts.migrations,
        database=manifest.kept(folder, DATABASE) if settings.IS_SQLITE else None,
        secret_key=manifest.kept(folder, SECRET_KEY),
        output=[output.described(folder / output.FOLDER, stream) for stream in streams],
    )


def _copied_database(folder: Path) -> live.Facts:
    copied = folder / DATABASE
    copied.touch(mode=0o600)
    database.copy(_source(), copied)
    with database.opened(copied) as rows:
        return live.Facts(
            database.instance_id(rows), database.commit_seq(rows), database.migrations(rows), database.streams(rows)
        )


def _streams_of_now(folder: Path) -> list[Stream]:
    """What was dropped or removed while files were copied is not expected of the backup."""
    database.follow_gaps(_source(), folder / DATABASE)
    database.follow_pruned(_source(), folder / DATABASE)
    with database.opened(folder / DATABASE) as rows:
        return database.streams(rows)


def _source() -> Path:
    return Path(settings.DATABASES["default"]["NAME"])


def _to_stable_storage(folder: Path) -> None:
    """Output was put there when it was copied."""
    for name in (DATABASE, SECRET_KEY, manifest.NAME):
        if (folder / name).exists():
            _fsync(folder / name)
    for inner, _, _ in os.walk(folder):
        _fsync(Path(inner))


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
