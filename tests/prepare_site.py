"""Run as a program: fills an empty data folder (tables, static files) and prints the secrets tests need, as JSON."""

import json
import os
import sys

import django


def main() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "scheduler_site.settings"
    django.setup()
    from django.core.management import call_command

    from agents.enrolment import create_token as create_enrolment_token
    from scheduler_site.access.owner import owner
    from scheduler_site.access.tokens import create_token

    call_command("migrate", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    user = owner()
    _, token = create_token(user, "tests")
    _, enrolment_token = create_enrolment_token("tests", user=user, uses=1000)
    sys.stdout.write(json.dumps({"token": token, "enrolment_token": enrolment_token}) + "\n")


if __name__ == "__main__":
    main()
