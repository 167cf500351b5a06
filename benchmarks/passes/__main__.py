"""How long does one pass take, by the number of waiting tasks, of their shapes and of hosts? Prints a row a case.

`python -m benchmarks.passes --tasks 1000,10000,100000 --hosts 10,1000,10000 --shapes 8,1000,0` makes rows in an SQLite
file of its own in a temporary folder and times what the scheduling loop does: load, plan, and with `--room N` place
the N tasks that fit. `--shapes 0`: every task has a shape of its own. Needs no running server.
"""

import argparse
import os

from benchmarks.own_site import own_site


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=numbers, default=[1000, 10_000, 100_000])
    parser.add_argument("--hosts", type=numbers, default=[10, 1000, 10_000])
    parser.add_argument("--shapes", type=numbers, default=[8, 1000, 0])
    parser.add_argument("--room", type=int, default=0, help="so many tasks find room on an idle host")
    parser.add_argument("--held", action="store_true", help="all have waited long enough to get hosts kept free")
    parser.add_argument("--profile", action="store_true", help="print where the last pass spent its time")
    arguments = parser.parse_args()
    with own_site("passes"):
        run(arguments)


def numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def run(arguments: argparse.Namespace) -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "scheduler_site.settings"
    import django

    django.setup()
    from django.core.management import call_command

    from benchmarks.passes import rows, timing

    call_command("migrate", verbosity=0)
    for hosts in arguments.hosts:
        rows.clear()
        rows.make_hosts(hosts)
        for shapes in arguments.shapes:
            for tasks in arguments.tasks:
                rows.make_tasks(tasks, shapes or tasks, waited_seconds=3600 if arguments.held else 60)
                timing.measure(tasks, shapes or tasks, hosts, arguments.room, is_profiled=arguments.profile)


if __name__ == "__main__":
    main()
