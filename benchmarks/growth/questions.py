"""What people, agents and loops ask of the server, each as a call that can be repeated."""

import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from django.conf import settings
from django.test import Client

from benchmarks.task_life import Life
from scheduler_site.access.owner import owner
from tasks.models import Task

Question = Callable[[], object]


class Questions:
    def __init__(self) -> None:
        self._life = Life()
        self._steps = self._life.steps()
        self._client = Client(SERVER_NAME="127.0.0.1")
        self._client.force_login(owner())
        self._let_ten_wait()

    def _let_ten_wait(self) -> None:
        """For a host that nobody has: every pass looks at them."""
        for number in range(10):
            body = {"name": f"waits {number}", "script_content": "true\n", "cpu_cores": 500, "wait_for_host": True}
            response = self._client.post("/api/tasks/", body, "application/json")
            if response.status_code != 201:
                raise RuntimeError(response.content)

    def about_tasks(self) -> dict[str, Question]:
        newest = Task.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
        last = max(1, Task.objects.count() // 50)
        return {
            "page: list": self._gets("/tasks/"),
            "page: list, what changes": self._gets("/tasks/counts/"),
            "page: list, failed": self._gets("/tasks/?status=failed"),
            "page: list, part of a name": self._gets("/tasks/?name=run+77"),
            "page: list, part of a script": self._gets("/tasks/?script=rate+0.001"),
            "page: list, deep": self._gets(f"/tasks/?page={last}"),
            "page: overview": self._gets("/overview/"),
            "page: one task": self._gets(f"/tasks/{newest}/"),
            "page: templates": self._gets("/templates/"),
            "page: new task": self._gets("/tasks/new/"),
            "REST: list": self._gets("/api/tasks/"),
            "REST: list, failed": self._gets("/api/tasks/?status=failed"),
            "REST: list, by end": self._gets("/api/tasks/?ordering=-end_time"),
            "REST: list, by name": self._gets("/api/tasks/?ordering=name"),
            "REST: list, of a host": self._gets("/api/tasks/?agent=nobody"),
            "REST: list, of a day": self._gets("/api/tasks/?created_after=2100-01-01T00:00:00Z"),
            "REST: list, deep": self._gets(f"/api/tasks/?page={last}"),
            "REST: one task": self._gets(f"/api/tasks/{newest}/"),
            "REST: overview": self._gets("/api/overview/"),
            **self._of_a_life(),
            "reaper's turn": _reaper,
            "retention, nothing old": _sweep,
            **_whole(),
        }

    def about_hosts(self) -> dict[str, Question]:
        return {
            "page: agents": self._gets("/agents/"),
            "page: overview": self._gets("/overview/"),
            "REST: agents": self._gets("/api/agents/"),
            "REST: overview": self._gets("/api/overview/"),
            **self._of_a_life(),
            "reaper's turn": _reaper,
            "flush of all hosts' figures": _flush,
        }

    def _gets(self, path: str) -> Question:
        def get() -> None:
            response = self._client.get(path)
            if response.status_code != 200:
                raise RuntimeError(f"{path} was answered {response.status_code}")

        return get

    def _of_a_life(self) -> dict[str, Question]:
        """Each once in the order of a task's life, by whoever repeats them in turn."""
        return {f"life: {name}": step for name, step in self._steps.items()}


def _reaper() -> None:
    from tasks.recovery import reaper_turn

    reaper_turn()


def _sweep() -> None:
    from scheduler_site.retention import everything
    from tasks.retention.policy import current

    for _ in everything(current()):
        pass


def _flush() -> None:
    from tasks.reporting.flush import flush_turn

    flush_turn()


def _whole() -> dict[str, Question]:
    """Of the database as a whole; those with a star are read off a child process or a file."""
    return {
        "start: manage.py migrate --check *": lambda: _child("migrate", "--check"),
        "backup *": _backup,
        "check_invariants *": lambda: _child("check_invariants"),
        "bytes a task": lambda: None,
    }


def _child(*arguments: str) -> None:
    command = [sys.executable, "manage.py", *arguments]
    subprocess.run(command, capture_output=True, check=False, cwd=settings.BASE_DIR)


def _backup() -> None:
    with tempfile.TemporaryDirectory(prefix="nightshift-growth-") as folder:
        _child("backup", str(Path(folder) / "one"))
