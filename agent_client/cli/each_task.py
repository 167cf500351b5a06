"""One verb of the API for several tasks: each is told of, one that is refused keeps no other from its turn."""

from collections.abc import Callable, Iterable

from agent_client.cli.errors import told
from agent_client.cli.output import note, print_json
from agent_client.user_api import Json
from agent_client.user_api_errors import Refused


def change_each(task_ids: Iterable[int], change: Callable[[int], Json], done: str, *, as_json: bool) -> int:
    """The exit status: 0, or that of the last refusal."""
    changed: list[Json] = []
    status = 0
    for task_id in task_ids:
        try:
            changed.append(change(task_id))
        except Refused as error:
            message, status = told(error)
            note(f"task {task_id}: {message}")
        else:
            if not as_json:
                print(f"{task_id} {done}")
    if as_json:
        print_json(changed)
    return status
