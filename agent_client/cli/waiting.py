"""Wait until tasks have ended, through restarts of the server. The tasks do not notice whether anyone waits."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from agent_client.cli.exit_status import FINAL_STATUSES, of_all
from agent_client.cli.output import note
from agent_client.cli.patience import Pace, keep_trying, pause
from agent_client.user_api import Json, UserApi

SHORTEST_SECONDS, LONGEST_SECONDS = 0.2, 2.0


@dataclass(frozen=True)
class Waited:
    tasks: list[Json]

    @property
    def exit_status(self) -> int:
        return of_all(self.tasks)


def wait_for(api: UserApi, task_ids: Sequence[int], timeout_seconds: float | None = None) -> Waited:
    """Raises Unreachable only if the server is away from the start, and TimeUp when the time is over."""
    deadline = None if timeout_seconds is None else time.monotonic() + timeout_seconds
    ended: dict[int, Json] = {}
    pace = Pace(SHORTEST_SECONDS, LONGEST_SECONDS)
    # Asked once without patience: a wrong address must not wait for ever.
    _take({task_id: api.task(task_id) for task_id in task_ids}, ended)
    while len(ended) < len(task_ids):
        pause(pace.next_seconds(had_news=False), deadline)
        left = [task_id for task_id in task_ids if task_id not in ended]
        _take({task_id: _ask(api, task_id, deadline) for task_id in left}, ended)
    return Waited([ended[task_id] for task_id in task_ids])


def _ask(api: UserApi, task_id: int, deadline: float | None) -> Json:
    return keep_trying(lambda: api.task(task_id), deadline)


def _take(tasks: dict[int, Json], ended: dict[int, Json]) -> None:
    for task_id, task in tasks.items():
        if task["status"] in FINAL_STATUSES:
            ended[task_id] = task
            note(f"task {task_id}: {task.get('end_sentence') or task['status']}")
