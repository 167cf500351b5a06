"""Run as a program: fills an empty data folder (tables, static files) and prints the secrets tests need, as JSON."""

import json
import os
import sys

import django

LINKS = 100  # more than any file has tests in a browser


def main() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "scheduler_site.settings"
    django.setup()
    from django.db import transaction

    from agents.enrolment import create_token as create_enrolment_token
    from scheduler_site.access.links import create_link
    from scheduler_site.access.owner import owner
    from scheduler_site.access.tokens import create_token
    from scheduler_site.up.prepare import prepare

    prepare()
    user = owner()
    _, token = create_token(user, "tests")
    _, enrolment_token = create_enrolment_token("tests", user=user, uses=1000)
    with transaction.atomic():
        links = [create_link("") for _ in range(LINKS)]
    sys.stdout.write(json.dumps({"token": token, "enrolment_token": enrolment_token, "links": links}) + "\n")


if __name__ == "__main__":
    main()
