"""What lies on this host: a scan of the sub agents' folders. Reads only; who acts on it is reconcile and the loops."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from agent_client import wire
from agent_client.atomic import exists
from agent_client.sub_agent_dir import REMOVED_PREFIX, SubAgentDir, Unreadable

BEFORE_START = {"grant.json", "lease", "lock", "agent.log", "beat", "tmp", "script", "out", "err"}


@dataclass(frozen=True)
class LocalRecord:
    """One sub agent of this host. `is_alive`: its process holds the lock."""

    sub_agent_id: str
    fence: int
    task_id: int
    local_state: wire.LocalState
    is_alive: bool = False
    is_delivered: bool = False


@dataclass(frozen=True)
class Inventory:
    """All records, and a sentence for each folder that could not be understood: about those nothing is concluded."""

    records: tuple[LocalRecord, ...] = ()
    damaged: tuple[str, ...] = ()

    @property
    def is_complete(self) -> bool:
        return not self.damaged

    def find(self, sub_agent_id: str) -> LocalRecord | None:
        return next((record for record in self.records if record.sub_agent_id == sub_agent_id), None)

    @property
    def running(self) -> int:
        """Scripts that go on under a living sub agent."""
        return sum(record.is_alive and record.local_state in ("claimed", "running") for record in self.records)


def scan(parent: Path) -> Inventory:
    """Read every folder under `parent`. Never raises: what cannot be read is listed as damaged."""
    records, damaged = [], []
    try:
        folders = list(_folders(parent))
    except OSError as error:
        return Inventory((), (f"{parent} cannot be read: {error.strerror}",))
    for folder in folders:
        try:
            record = read_record(folder)
        except Unreadable as error:
            damaged.append(str(error))
        except OSError as error:
            damaged.append(f"{folder.path} cannot be read: {error.strerror}")
        else:
            records += [record] if record else []
    return Inventory(tuple(records), tuple(damaged))


def read_record(folder: SubAgentDir) -> LocalRecord | None:
    """The record of one folder; None for one that is being made or removed right now."""
    is_alive = folder.is_alive()  # before the files: a sub agent writes first and lets the lock go last
    local_state = folder.local_state()
    assignment = folder.read_assignment()
    if assignment is None:
        if is_leftover(folder):
            return None
        raise Unreadable(folder.path / "assignment.json", "it is missing")
    try:
        fence, task_id = int(assignment["fence"]), int(assignment["task_id"])
    except (KeyError, TypeError, ValueError) as error:
        raise Unreadable(folder.path / "assignment.json", f"no usable {error}") from error
    is_delivered = exists(folder.at("delivered.json"))
    return LocalRecord(folder.sub_agent_id, fence, task_id, local_state, is_alive, is_delivered)


def task_id_of(folder: SubAgentDir) -> int | None:
    """The task of the folder for a log line; None when that cannot be told."""
    try:
        assignment = folder.read_assignment()
        return int(assignment["task_id"]) if assignment else None
    except (Unreadable, KeyError, TypeError, ValueError):
        return None


def is_leftover(folder: SubAgentDir) -> bool:
    """Made before its assignment was durable, or removed up to the end: nothing but what lies there before anything is
    executed. What else lies there is not ours to call nothing."""
    try:
        return all(child.name.startswith(".") or child.name in BEFORE_START for child in folder.path.iterdir())
    except FileNotFoundError:
        return True


def inventory_rows(inventory: Inventory, parent: Path) -> list[wire.InventoryRow]:
    """The inventory as a session says it."""
    return [
        {
            "sub_agent_id": record.sub_agent_id,
            "fence": record.fence,
            "local_state": record.local_state,
            "sizes": SubAgentDir(parent / record.sub_agent_id).sizes(),
        }
        for record in inventory.records
    ]


def _folders(parent: Path) -> Iterator[SubAgentDir]:
    for path in sorted(parent.iterdir()):
        if path.is_dir() and not path.name.startswith(REMOVED_PREFIX):
            yield SubAgentDir(path)
