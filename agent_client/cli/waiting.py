"""Wait until tasks have ended, through restarts of the server. The tasks do not notice whether anyone waits."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from agent_client.cli.exit_status import FINAL_STATUSES, of_all
from agent_client.cli.output import note
from agent_client.cli.patience import keep_trying, pause
from agent_client.user_api import Json, UserApi

HANG_SECONDS = 5.0  # so often it is looked whether anyone still reads our output
MOST_AT_ONCE = 500  # which the server takes in one request


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
    # Asked once without patience: a wrong address must not wait for ever.
    _take({task_id: api.task(task_id) for task_id in task_ids}, ended)
    while left := [task_id for task_id in task_ids if task_id not in ended]:
        pause(0, deadline)
        new = keep_trying(lambda: api.wait(left[:MOST_AT_ONCE], _hang_seconds(deadline)), deadline)
        _take({task_id: _ask(api, task_id, deadline) for task_id in new}, ended)
    return Waited([ended[task_id] for task_id in task_ids])


def _hang_seconds(deadline: float | None) -> float:
    return HANG_SECONDS if deadline is None else min(HANG_SECONDS, max(0.0, deadline - time.monotonic()))


def _ask(api: UserApi, task_id: int, deadline: float | None) -> Json:
    return keep_trying(lambda: api.task(task_id), deadline)


def _take(tasks: dict[int, Json], ended: dict[int, Json]) -> None:
    for task_id, task in tasks.items():
        if task["status"] in FINAL_STATUSES:
            ended[task_id] = task
            note(f"task {task_id}: {task.get('end_sentence') or task['status']}")
