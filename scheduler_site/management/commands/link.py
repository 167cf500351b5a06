"""manage.py link: prints a new sign-in link for the owner. Works beside a running server."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from scheduler_site.access.links import create_link


class Command(BaseCommand):
    help = "Print a new sign-in link: good for 24 hours, for the first browser that opens it."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(create_link(settings.PUBLIC_URL))
