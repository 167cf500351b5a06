"""manage.py restore: a backup into the empty data folder that NIGHTSHIFT_DATA_DIR names."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from scheduler_site.backup.manifest import BadBackup
from scheduler_site.backup.restore import restore


class Command(BaseCommand):
    help = "Put a backup into the data folder, which must be empty; then start the server."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path, help="what `manage.py backup` made")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            done = restore(options["folder"].absolute())
        except BadBackup as error:
            raise CommandError(str(error)) from None
        except OSError as error:
            raise CommandError(f"Not restored, empty the data folder and try again: {error}") from None
        self.stdout.write(f"Restored what was backed up at {done.created_at} into {settings.DATA_DIR}.")
        if done.database is None:
            self.stdout.write("It holds no database: that of NIGHTSHIFT_DATABASE_URL is taken for the restored one.")
