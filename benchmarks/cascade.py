"""How long until a chain of N dependants is canceled, once its first task is? Prints seconds.

`python -m benchmarks.cascade --length 10000` makes the chain in an SQLite file of its own in a temporary folder,
cancels its first task and then does what the server's reaper does, once a second, until nobody is left. Needs no
running server.
"""

import argparse
import time

from benchmarks.own_site import own_site


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--length", type=int, default=10_000)
    arguments = parser.parse_args()
    with own_site("cascade"):
        run(arguments.length)


def run(length: int) -> None:
    import django

    django.setup()
    from django.core.management import call_command

    from scheduler_site.shared.actors import SYSTEM
    from tasks import lifecycle, recovery
    from tasks.models import Task

    call_command("migrate", verbosity=0)
    first = make_chain(length)
    began = time.monotonic()
    lifecycle.cancel(first, actor=SYSTEM)
    print(f"the first batch, with the cancel itself: {time.monotonic() - began:.2f} s")  # noqa: T201
    while Task.objects.filter(is_unsettled=True).exists():
        time.sleep(recovery.INTERVAL_SECONDS)
        recovery._settle_dependants()
    left = Task.objects.exclude(status="canceled").count()
    print(f"{length} dependants canceled after {time.monotonic() - began:.2f} s, {left} left")  # noqa: T201


def make_chain(length: int) -> int:
    from django.utils import timezone

    from tasks.models import Dependency, Task

    now = timezone.now()
    first = Task.objects.create(name="first", script_content="true", status="waiting", waiting_since=now)
    blocked = (Task(name="next", script_content="true", status="blocked", unmet=1) for _ in range(length))
    ids = [first.pk, *(task.pk for task in Task.objects.bulk_create(blocked, batch_size=1000))]
    pairs = zip(ids[1:], ids, strict=False)
    edges = (Dependency(task_id=task, depends_on_id=other) for task, other in pairs)
    Dependency.objects.bulk_create(edges, batch_size=1000)
    return first.pk


if __name__ == "__main__":
    main()
