"""Put a backup into an empty data folder. The database comes last: without it the folder counts as empty."""

import shutil
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError
from django.db.migrations.loader import MigrationLoader

from scheduler_site.backup import database, live, make, manifest, output
from scheduler_site.backup.manifest import BadBackup, Manifest
from scheduler_site.up import site_lock
from tasks.output import log_gaps

FENCES_SKIPPED = 1_000_000


def restore(source: Path) -> Manifest:
    """BadBackup when the backup is damaged, was made by a newer version, or the data folder is not empty."""
    _refuse_full_folder()
    known = manifest.verify(source)
    _refuse_newer(known)
    if known.database is None:
        _begin_anew_elsewhere()
    _put_output(source, known)
    shutil.copyfile(source / make.SECRET_KEY, settings.DATA_DIR / make.SECRET_KEY)
    if known.database is not None:
        _put_database(source)
    return known


def _refuse_full_folder() -> None:
    if site_lock.is_held(settings.DATA_DIR / "lock"):
        raise BadBackup(f"A server runs on {settings.DATA_DIR}; stop it first.")
    if settings.IS_SQLITE and Path(settings.DATABASES["default"]["NAME"]).exists():
        raise BadBackup(f"{settings.DATA_DIR} has a database already; restore into an empty data folder.")
    if any(Path(settings.TASK_LOG_DIR).iterdir()):
        raise BadBackup(f"{settings.TASK_LOG_DIR} is not empty; restore into an empty data folder.")


def _refuse_newer(known: Manifest) -> None:
    if known.database is not None and not settings.IS_SQLITE:
        raise BadBackup("This backup holds an SQLite database, but NIGHTSHIFT_DATABASE_URL names another one.")
    here = {f"{app}.{name}" for app, name in MigrationLoader(None).disk_migrations}
    if newer := [name for name in known.migrations if name not in here]:
        raise BadBackup(f"The backup was made by a newer version of Nightshift: {newer[0]} is not known here.")


def _begin_anew_elsewhere() -> None:
    try:
        live.begin_anew(FENCES_SKIPPED)
    except DatabaseError as error:
        raise BadBackup(
            "The database is not restored yet, or not of this version: restore it with psql or pg_restore, run "
            f"manage.py migrate, and then this again: {error}"
        ) from None


def _put_output(source: Path, known: Manifest) -> None:
    """Copied, not linked: what is restored may be written to, the backup stays as it is."""
    partial = Path(settings.TASK_LOG_DIR).with_name("tasks.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    for part in known.output:
        target = partial / Path(part.path).relative_to(output.FOLDER)
        target.parent.mkdir(parents=True, exist_ok=True)
        output.copy(source / part.path, target, part.size, log_gaps.from_rows(part.gaps))
    Path(settings.TASK_LOG_DIR).rmdir()
    partial.rename(settings.TASK_LOG_DIR)


def _put_database(source: Path) -> None:
    target = Path(settings.DATABASES["default"]["NAME"])
    partial = target.with_name("restored.partial")
    partial.unlink(missing_ok=True)
    partial.touch(mode=0o600)
    shutil.copyfile(source / make.DATABASE, partial)
    with database.opened(partial) as rows:
        database.begin_anew(rows, FENCES_SKIPPED)
    partial.rename(target)
