"""Users of the site: submit tasks of many kinds, cancel some, and keep what they were told.

Every call is noted with its reply or as unknown; an unknown submission is repeated under the same idempotency key.
"""

import random
import threading
import time
from dataclasses import dataclass, field
from typing import Any

import requests

from tests.chaos import scripts
from tests.chaos.report import Report
from tests.chaos.site import ChaosSite

FINAL = ("completed", "failed", "canceled")
RESULT = ("status", "exit_code", "end_reason", "attempt_no")
TRIES = 200
CALL_SECONDS = 10.0
LISTED_AT_ONCE = 500


@dataclass
class Wanted:
    """A task as its user sees it. `code`: what its script returns when nobody disturbs it."""

    key: str
    kind: str
    fields: dict[str, Any]
    code: int
    cancel_after: float | None = None
    task_id: int | None = None
    result: dict[str, Any] = field(default_factory=dict)  # the first final one that was seen
    result_at: float = 0.0  # monotonic, when the question was asked

    @property
    def is_gang(self) -> bool:
        return self.fields.get("node_count", 1) > 1


class Workload:
    def __init__(self, site: ChaosSite, report: Report, seed: int, count: int, seconds: float) -> None:
        self._site = site
        self._report = report
        self._random = random.Random(seed)
        self._count = count
        self._seconds = seconds
        self._to_cancel: list[tuple[float, Wanted]] = []
        self._lock = threading.Lock()
        self.tasks: list[Wanted] = []
        self._threads = [
            threading.Thread(target=loop, name=loop.__name__, daemon=True)
            for loop in (self._submit_all, self._cancel_all)
        ]
        self._is_over = threading.Event()

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def wait(self) -> None:
        """Until everything was submitted and canceled that is to be."""
        self._threads[0].join()
        self._is_over.set()
        self._threads[1].join()

    # Submitting

    def _submit_all(self) -> None:
        """In bursts, evenly over the time there is."""
        began = time.monotonic()
        while len(self.tasks) < self._count:
            for _ in range(self._random.randint(1, 6)):
                self._submit(self._made())
            due = began + self._seconds * len(self.tasks) / self._count
            time.sleep(max(0.0, due - time.monotonic()))

    def _made(self) -> Wanted:
        kinds = (self._echo, self._echo, self._failing, self._chatty, self._stubborn, self._daemon, self._again)
        more = (self._after, self._canceled, self._canceled, self._failover, self._gang)
        wanted = self._random.choice((*kinds, *more))()
        wanted.key = f"chaos-{len(self.tasks)}"
        number = self._random.random()
        self.tasks.append(wanted)
        wanted.fields = {
            "name": f"{wanted.key} {wanted.kind}",
            "cpu_cores": 0.5,
            "environment": {"WITNESS": str(self._site.witness)},
            "priority": 1 + int(number * 5),
            **wanted.fields,
        }
        return wanted

    def _echo(self) -> Wanted:
        lines = self._random.randint(1, 20)
        return Wanted("", "echo", {"script_content": scripts.counting(lines, 0)}, 0)

    def _failing(self) -> Wanted:
        code = self._random.randint(1, 120)
        return Wanted("", "failing", {"script_content": scripts.counting(3, code)}, code)

    def _chatty(self) -> Wanted:
        return Wanted("", "chatty", {"script_content": scripts.chatty(self._random.randint(100, 6000))}, 0)

    def _stubborn(self) -> Wanted:
        """Ignores TERM and is canceled: KILL ends it."""
        fields = {"script_content": "trap '' TERM\n" + scripts.counting(400, 0), "grace_seconds": 1}
        return Wanted("", "stubborn", fields, 0, cancel_after=self._random.uniform(0.5, 6))

    def _daemon(self) -> Wanted:
        """Leaves processes behind that hold its output open."""
        return Wanted("", "daemon", {"script_content": "setsid sleep 600 &\nsleep 600 &\n" + scripts.counting(4)}, 0)

    def _again(self) -> Wanted:
        """Fails at first and succeeds when it is run again."""
        return Wanted("", "again", {"script_content": scripts.counting_again(3), "retries": 3}, 0)

    def _failover(self) -> Wanted:
        """Long enough to be cut off for longer than its lease: then another host takes over."""
        script = scripts.pulsing(self._random.randint(20, 120), pause=0.25)
        return Wanted("", "failover", {"script_content": script, "on_host_loss": "failover", "grace_seconds": 1}, 0)

    def _gang(self) -> Wanted:
        """The same script on two hosts; one that fails ends both."""
        code = self._random.choice((0, 0, 5))
        script = scripts.pulsing(self._random.randint(4, 40), code, pause=0.2)
        return Wanted("", "gang", {"script_content": script, "node_count": 2, "grace_seconds": 1}, code)

    def _after(self) -> Wanted:
        known = [task.task_id for task in self.tasks[-30:] if task.task_id is not None]
        wanted = self._echo()
        wanted.kind = "after"
        if known:
            kind = self._random.choice(("afterok", "afterany", "afternotok"))
            wanted.fields["depends_on"] = [{"id": self._random.choice(known), "kind": kind}]
        return wanted

    def _canceled(self) -> Wanted:
        """At any moment, also before it starts or after it ended."""
        wanted = self._echo()
        wanted.kind, wanted.cancel_after = "canceled", self._random.uniform(0, 5)
        return wanted

    def _submit(self, wanted: Wanted) -> None:
        for _ in range(TRIES):
            reply = self._call("POST", "/api/tasks/", wanted.key, json=wanted.fields, key=wanted.key)
            if reply is not None and reply.status_code in (200, 201):
                wanted.task_id = int(reply.json()["id"])
                if wanted.cancel_after is not None:
                    with self._lock:
                        self._to_cancel.append((time.monotonic() + wanted.cancel_after, wanted))
                return
            if reply is not None and reply.status_code == 400 and wanted.fields.pop("depends_on", None):
                wanted.key += "-alone"  # what it was to wait for has ended otherwise: a rightful refusal
                continue
            if reply is not None and reply.status_code < 500 and reply.status_code != 429:
                self._report.violation(f"submission {wanted.key} was refused: {reply.status_code} {reply.text[:200]}")
                return
            time.sleep(0.5)
        self._report.violation(f"submission {wanted.key} was never answered")

    # Canceling

    def _cancel_all(self) -> None:
        while not (self._is_over.is_set() and not self._to_cancel):
            with self._lock:
                due = [item for item in self._to_cancel if item[0] <= time.monotonic() or self._is_over.is_set()]
                self._to_cancel = [item for item in self._to_cancel if item not in due]
            for _, wanted in due:
                self._call("POST", f"/api/tasks/{wanted.task_id}/cancel/", wanted.key, json={})
            time.sleep(0.1)

    # Asking

    def look(self) -> int:
        """How many are not known to be final; the first final result that is seen is kept."""
        open_tasks = [task for task in self.tasks if task.task_id is not None and not task.result]
        for start in range(0, len(open_tasks), LISTED_AT_ONCE):
            asked_at = time.monotonic()
            part = open_tasks[start : start + LISTED_AT_ONCE]
            ids = [task.task_id or 0 for task in part]
            query = f"?id_min={min(ids)}&id_max={max(ids)}&page_size={LISTED_AT_ONCE}"
            reply = self._call("GET", f"/api/tasks/{query}", "")
            if reply is None or not reply.ok:
                return len(open_tasks)
            rows = {row["id"]: row for row in reply.json()["results"]}
            for task in part:
                row = rows.get(task.task_id)
                if row is not None and row["status"] in FINAL:
                    task.result, task.result_at = {name: row[name] for name in RESULT}, asked_at
        return sum(not task.result for task in self.tasks if task.task_id is not None)

    def _call(self, method: str, path: str, about: str, key: str = "", **more: Any) -> requests.Response | None:
        """The reply; None: unknown whether it happened."""
        headers = {"Authorization": f"Bearer {self._site.nightshift.token}"}
        if key:
            headers["Idempotency-Key"] = key
        began = self._report.seconds()
        try:
            reply = requests.request(
                method, self._site.nightshift.url + path, headers=headers, timeout=CALL_SECONDS, **more
            )
        except requests.RequestException as error:
            self._report.note("call", method=method, path=path, about=about, began=began, unknown=type(error).__name__)
            return None
        if method != "GET":
            self._report.note("call", method=method, path=path, about=about, began=began, status=reply.status_code)
        return reply
