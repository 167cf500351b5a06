"""manage.py check_invariants: whether the database says only what can be. Works beside a running server, changes
nothing."""

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from tasks.invariants.run import check


class Command(BaseCommand):
    help = "Look for what must never be: two live attempts of a task, a host that holds more than it has, and so on."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON object instead of sentences")
        parser.add_argument("--digests", action="store_true", help="also read all complete output and compare it")

    def handle(self, *args: Any, **options: Any) -> None:
        found = check(with_digests=options["digests"])
        if options["json"]:
            self.stdout.write(json.dumps({"violations": [violation.as_json() for violation in found]}))
        else:
            self.stdout.write("\n".join(map(str, found)) or "All invariants hold.")
        if found:
            sys.exit(1)
