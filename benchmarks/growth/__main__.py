"""What costs more the longer the history is, and the more hosts there are? Prints a table for each.

`python -m benchmarks.growth --tasks 1000,10000,100000 --hosts 10,100,1000,10000` fills an SQLite file of its own with
so many ended tasks (an attempt, an allocation, five rows of history and an output each) and asks what people, agents
and loops ask: CPU time of this process in ms, the median of several, and the growth from the smallest to the largest.
Then the same of hosts, with the last number of tasks. `--plans` also prints which statements read a whole table. Needs
no running server.
"""

import argparse
import os
import sys
import time
from typing import Any

from benchmarks.own_site import own_site


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=numbers, default=[1000, 10_000, 100_000])
    parser.add_argument("--hosts", type=numbers, default=[10, 100, 1000, 10_000])
    parser.add_argument("--only", default="", help="only questions with this word")
    parser.add_argument("--plans", action="store_true", help="which statements read a whole table")
    with own_site("growth"):
        run(parser.parse_args())


def numbers(text: str) -> list[int]:
    return sorted(int(part) for part in text.split(",") if part)


def run(arguments: argparse.Namespace) -> None:
    import django

    os.environ["NIGHTSHIFT_LOG_LEVEL"] = "error"
    django.setup()
    from django.core.management import call_command

    from benchmarks.growth import fill, questions, table

    call_command("migrate", verbosity=0)
    asked = questions.Questions()
    history: dict[int, dict[str, Any]] = {}
    oldest = arguments.tasks[-1]
    for count in arguments.tasks:
        _say(f"{count} tasks")
        fill.history_up_to(count, oldest)
        history[count] = table.answers(asked.about_tasks(), arguments.only, plans=arguments.plans)
    table.show("tasks in the history", history)
    hosts: dict[int, dict[str, Any]] = {}
    for count in arguments.hosts:
        _say(f"{count} hosts")
        fill.hosts_up_to(count)
        hosts[count] = table.answers(asked.about_hosts(), arguments.only, plans=arguments.plans)
    table.show("hosts", hosts)


def _say(what: str) -> None:
    print(f"[{time.strftime('%H:%M:%S')}] {what}", file=sys.stderr)  # noqa: T201


if __name__ == "__main__":
    main()
