"""manage.py up: everything on this machine, in the foreground, until Ctrl-C. What `make run` runs."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError

from scheduler_site.serving.endpoints import CannotListen
from scheduler_site.up.redis_check import NoRedis
from scheduler_site.up.start import CannotStart, up


class Command(BaseCommand):
    help = "Prepare the data folder, then run the server and this machine's main agent until Ctrl-C."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            up(self.say)
        except (CannotListen, CannotStart, NoRedis) as error:
            raise CommandError(str(error)) from None
        except OperationalError as error:
            raise CommandError(f"The database cannot be used (see NIGHTSHIFT_DATABASE_URL): {error}") from None
        except KeyboardInterrupt:
            raise CommandError("Stopped before it was ready.", returncode=130) from None

    def say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()
