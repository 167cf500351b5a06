"""Dependencies as people type them: `12,13`, `afterok:12`, Slurm's `afterany:12:13,afterok:14`. Pure."""

from collections.abc import Sequence
from typing import NamedTuple

from agent_client.cli.task_ids import parsed_one

DEFAULT_KIND = "afterok"
KINDS = (DEFAULT_KIND, "afterany", "afternotok")


class Wanted(NamedTuple):
    """`task` is digits or `last`."""

    task: str
    kind: str


def parsed(text: str) -> list[Wanted]:
    """Raises ValueError that names the bad part."""
    found: list[Wanted] = []
    named_kind = ""
    for part in text.split(","):
        kind, colon, ids = part.strip().partition(":")
        if not colon:
            # Slurm has no such form, so nobody can know whether the kind before is meant to go on.
            if named_kind:
                raise ValueError(f"{text!r} does not say how {part.strip()!r} must end; write {named_kind}:1:2")
            found.append(Wanted(parsed_one(part), DEFAULT_KIND))
            continue
        if kind not in KINDS:
            raise ValueError(f"{kind!r} is not a kind of dependency; the kinds are {', '.join(KINDS)}")
        named_kind = kind
        found += [Wanted(parsed_one(word), kind) for word in ids.split(":")]
    return found


def for_request(wanted: Sequence[tuple[int, str]]) -> list[int | dict[str, int | str]]:
    """(id, kind) pairs as the API takes them. Raises ValueError when one task is named with two kinds."""
    kinds: dict[int, str] = {}
    for task_id, kind in wanted:
        if kinds.setdefault(task_id, kind) != kind:
            raise ValueError(f"task {task_id} is named twice, with {kinds[task_id]} and with {kind}")
    return [task_id if kind == DEFAULT_KIND else {"id": task_id, "kind": kind} for task_id, kind in kinds.items()]
