"""Nightshift as `make run` starts it, on a data folder of its own: server, local main agent, sub agents.

The client is one kept HTTP connection to the REST API.
"""

from collections.abc import Sequence
from typing import Any, ClassVar

from agent_client.version import VERSION
from benchmarks.our_server import CannotStart, OurServer
from benchmarks.peers.made_scripts import Script
from benchmarks.peers.peer import CannotRun, Handle, Peer
from benchmarks.rows import OURS

MOST_IDS = 500
MOST_IN_A_BATCH = 1000


class Nightshift(Peer):
    name = OURS
    notify: ClassVar[str] = "GET /api/tasks/wait/ (hangs)"
    settings = "make run: daphne, SQLite with synchronous=FULL, one main agent; a client with one connection"
    can_go_first: ClassVar[bool] = True
    keeps_output: ClassVar[bool] = True
    has_batch: ClassVar[bool] = True
    depths: ClassVar[tuple[int, ...]] = (100, 10_000, 100_000)

    def version(self) -> str:
        return VERSION

    def start(self, slots: int) -> None:
        self._ours = OurServer()
        try:
            self._ours.up(slots)
        except CannotStart as error:
            raise CannotRun(str(error)) from None

    def stop(self) -> None:
        self._ours.stop()

    def pids(self) -> list[int]:
        return [self._ours.pid()]

    def submit(self, script: Script, after: Sequence[Handle] = ()) -> int:
        depends_on = [{"id": task_id} for task_id in after]
        return self._ours.submit(script.text, cpu_cores=1, depends_on=depends_on)

    def submit_first(self, script: Script) -> int:
        return self._ours.submit(script.text, cpu_cores=1, priority=1)

    def submit_batch(self, scripts: Sequence[Script]) -> list[Handle]:
        return self._all([_asked(script) for script in scripts])

    def submit_chain(self, scripts: Sequence[Script]) -> list[Handle]:
        """In one request."""
        return self._all(
            [_asked(script, [{"index": number - 1}] if number else []) for number, script in enumerate(scripts)]
        )

    def submit_fan(self, root: Script, children: Sequence[Script], join: Script) -> list[Handle]:
        """In one request."""
        middle = [_asked(child, [{"index": 0}]) for child in children]
        last = _asked(join, [{"index": number} for number in range(1, len(middle) + 1)])
        return self._all([_asked(root), *middle, last])

    def _all(self, asked: list[dict[str, Any]]) -> list[Handle]:
        """In as few requests as it takes; only what comes in one request may name each other."""
        ids: list[Handle] = []
        for first in range(0, len(asked), MOST_IN_A_BATCH):
            ids += self._ours.post("/api/tasks/batch/", {"tasks": asked[first : first + MOST_IN_A_BATCH]})["ids"]
        return ids

    def wait(self, handles: Sequence[Handle]) -> None:
        wrong: set[Handle] = set()
        for first in range(0, len(handles), MOST_IDS):
            wrong |= self._wait_for(handles[first : first + MOST_IDS])
        if wrong:
            raise AssertionError(f"{len(wrong)} of {len(handles)} tasks did not complete")

    def _wait_for(self, left: Sequence[Handle]) -> set[Handle]:
        """Those that did not complete."""
        wrong: set[Handle] = set()
        while left:
            told = self._ours.get("/api/tasks/wait/", id=",".join(map(str, left)), until="all")
            wrong |= set(told["ended"]) - set(told["completed"])
            left = told["open"]
        return wrong


def _asked(script: Script, depends_on: Sequence[dict[str, int]] = ()) -> dict[str, Any]:
    return {"name": "peers", "script_content": script.text, "cpu_cores": 1, "depends_on": list(depends_on)}
