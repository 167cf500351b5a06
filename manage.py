#!/usr/bin/env python
"""Django's command line for Nightshift. A wrong setting is one sentence, not a traceback."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "scheduler_site.settings")
    try:
        import scheduler_site.settings  # noqa: F401 - read now, so that what is wrong is said before anything starts
    except ImproperlyConfigured as error:
        sys.stderr.write(f"nightshift: {error}\n")
        return 2
    execute_from_command_line(sys.argv)
    return 0


if __name__ == "__main__":
    sys.exit(main())
