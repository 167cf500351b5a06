"""manage.py backup: a copy of everything that counts, made beside the running server."""

import sqlite3
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from scheduler_site.backup.make import make
from scheduler_site.backup.manifest import BadBackup, Manifest, verify

USE_PG_DUMP = (
    "The database is not SQLite, so it is not in this backup: copy it with pg_dump, and do that before this command."
)


class Command(BaseCommand):
    help = "Copy database, output of scripts and secret key into a new folder. The server may run meanwhile."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path, help="a folder that does not exist yet")
        parser.add_argument("--verify", action="store_true", help="make nothing: read the backup there and compare")

    def handle(self, *args: Any, **options: Any) -> None:
        folder: Path = options["folder"].absolute()
        try:
            done = verify(folder) if options["verify"] else make(folder)
        except BadBackup as error:
            raise CommandError(str(error)) from None
        except (OSError, sqlite3.Error) as error:
            raise CommandError(f"No backup was made: {error}") from None
        if done.database is None and not options["verify"]:
            self.stderr.write(USE_PG_DUMP)
        self.stdout.write(f"{folder} is whole: {_size(done)}." if options["verify"] else f"{folder}: {_size(done)}.")


def _size(done: Manifest) -> str:
    size = sum(part.size for part in done.files()) / (1 << 20)
    what = "database, " if done.database or settings.IS_SQLITE else ""
    return f"{what}{len(done.output)} files of output, {size:.1f} MiB in all"
