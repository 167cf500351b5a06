"""manage.py serve: the server with its loops, in the foreground. `manage.py up` adds the local main agent."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from scheduler_site.serving.endpoints import CannotListen
from scheduler_site.serving.start import serve


class Command(BaseCommand):
    help = "Run the server and its loops until Ctrl-C or SIGTERM."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            serve()
        except CannotListen as error:
            raise CommandError(str(error)) from None
