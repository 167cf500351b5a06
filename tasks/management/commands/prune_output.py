"""manage.py prune_output --days N: remove the output of tasks that ended so long ago. Works beside a running server."""

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from tasks.output.prune import prune


class Command(BaseCommand):
    help = "Remove the output of tasks that ended more than so many days ago. Tasks, results and histories stay."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--days", type=int, required=True, help="keep the output of the last so many days")
        parser.add_argument("--dry-run", action="store_true", help="only say what would be removed")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["days"] < 1:
            raise CommandError("--days must be 1 or more.")
        ended_before, because = timezone.now() - timedelta(days=options["days"]), f"by hand: --days {options['days']}"
        found = prune(ended_before, because, is_trial=options["dry_run"])
        verb = "would be removed" if options["dry_run"] else "removed"
        self.stdout.write(f"{found.logs} outputs {verb}, {found.bytes / (1 << 20):.1f} MiB.")
