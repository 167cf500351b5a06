"""Task ids as people type them: 12, #12, `12,13`, or `last` for the newest task."""

from collections.abc import Sequence

from agent_client.cli.errors import CliError
from agent_client.user_api import UserApi

LAST = "last"


def parsed(text: str) -> list[str]:
    """The ids of one word, as digits or `last`. Raises ValueError that names the bad one."""
    found = []
    for part in text.split(","):
        word = part.strip().removeprefix("#")
        if word != LAST and not (word.isascii() and word.isdecimal() and int(word) > 0):
            raise ValueError(f"{part.strip()!r} is not a task id; write a number, or last for the newest task")
        found.append(word)
    return found


def parsed_one(text: str) -> str:
    found = parsed(text)
    if len(found) != 1:
        raise ValueError(f"{text!r} names more than one task; one is expected")
    return found[0]


def resolved(api: UserApi, word: str) -> int:
    return int(word) if word != LAST else _newest(api)


def resolved_all(api: UserApi, groups: Sequence[Sequence[str]]) -> list[int]:
    """Ids in the order given, each once."""
    return list(dict.fromkeys(resolved(api, word) for group in groups for word in group))


def _newest(api: UserApi) -> int:
    tasks = api.tasks(page_size=1)["results"]
    if not tasks:
        raise CliError("there is no last task: none was submitted yet")
    return int(tasks[0]["id"])
