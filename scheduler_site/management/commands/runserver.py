"""manage.py runserver: Django's development server, with a word about what it does not do."""

from typing import Any

from django.contrib.staticfiles.management.commands.runserver import Command as DevelopmentServer

NOTICE = "This serves pages only: nothing is scheduled, no host is watched, sockets do not work. Use `make run`.\n"


class Command(DevelopmentServer):
    def inner_run(self, *args: Any, **options: Any) -> None:
        self.stderr.write(NOTICE)
        super().inner_run(*args, **options)
