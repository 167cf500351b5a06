"""The folder of one sub agent: its files, their states and its lock. Decides nothing and talks to no one.

The layout is that of docs/agent-protocol.md. Every `read_*` returns None when the file is absent and raises Unreadable
when it is damaged; every `write_*` is durable when it returns, unless it says otherwise.
"""

import contextlib
import fcntl
import json
import os
import re
import time
from pathlib import Path
from typing import cast

from agent_client import wire
from agent_client.atomic import Unreadable, exists, read_json, sync_file, sync_folder, write_json
from agent_client.removal import remove_tree

__all__ = ["Locked", "SubAgentDir", "Unreadable"]

LOCK_PATIENCE_SECONDS = 2.0
LOCK_POLL_SECONDS = 0.01
REMOVED_PREFIX = ".removed-"  # no id of a sub agent begins with a dot
STREAMS: tuple[wire.StreamName, ...] = ("out", "err")
SAFE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


class Locked(Exception):
    """Another process is the sub agent of this folder."""


class SubAgentDir:
    def __init__(self, path: Path) -> None:
        self.path = path
        self._text = str(path)

    def at(self, name: str) -> str:
        """The path of one of its files."""
        return f"{self._text}/{name}"

    @classmethod
    def create(cls, parent: Path, sub_agent_id: str, *, is_durable: bool = True) -> "SubAgentDir":
        """Make the folder (0700), also when it exists already; `parent` is made when missing. Not durable, whoever
        makes several is to sync the parent once."""
        if not SAFE_ID.fullmatch(sub_agent_id):
            raise ValueError(f"sub agent id {sub_agent_id!r} cannot be the name of a folder")
        path = parent / sub_agent_id
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if is_durable:
            sync_folder(parent)
        return cls(path)

    @property
    def sub_agent_id(self) -> str:
        return self.path.name

    @property
    def script_path(self) -> Path:
        return self.path / "script"

    @property
    def result_path(self) -> Path:
        return self.path / "result.json"

    @property
    def tmp_path(self) -> Path:
        return self.path / "tmp"

    @property
    def lock_path(self) -> Path:
        return self.path / "lock"

    @property
    def log_path(self) -> Path:
        """The sub agent's own event log, for whoever looks for the cause of a failure on the host."""
        return self.path / "agent.log"

    def stream_path(self, stream: wire.StreamName) -> Path:
        return self.path / stream

    def read_assignment(self) -> wire.Assignment | None:
        return cast("wire.Assignment | None", read_json(self.at("assignment.json")))

    def write_assignment(self, value: wire.Assignment, *, syncs_folder: bool = True) -> None:
        """Without the sync it is whole or absent after a power cut, until the start record makes it durable."""
        write_json(self.at("assignment.json"), value, syncs_folder=syncs_folder)

    def read_grant(self) -> wire.Grant | None:
        return cast("wire.Grant | None", read_json(self.at("grant.json")))

    def write_grant(self, value: wire.Grant) -> None:
        """Durable only with the start record, see `sync_grant`: until then the claim can be repeated."""
        write_json(self.at("grant.json"), value, is_durable=False)

    def sync_grant(self) -> None:
        """Make durable what the grant holds; that it is there, the start record's own folder entry makes durable."""
        sync_file(self.at("grant.json"))

    def sync_name(self) -> None:
        """Make durable that the folder itself is there."""
        sync_folder(self.path.parent)

    def read_started(self) -> wire.StartedRecord | None:
        return cast("wire.StartedRecord | None", read_json(self.at("started.json")))

    def read_whole_started(self) -> wire.StartedRecord | None:
        """As `read_started`, but a damaged record counts as none: for those who can go on without it."""
        try:
            return self.read_started()
        except Unreadable as error:
            if error.is_damaged:
                return None
            raise

    def write_started(self, value: wire.StartedRecord) -> None:
        write_json(self.at("started.json"), value)

    def read_exit(self) -> wire.Finish | None:
        return cast("wire.Finish | None", read_json(self.at("exit.json")))

    def write_exit(self, value: wire.Finish) -> None:
        write_json(self.at("exit.json"), value)

    def read_stop(self) -> wire.Stop | None:
        return cast("wire.Stop | None", read_json(self.at("stop.json")))

    def write_stop(self, value: wire.Stop) -> None:
        write_json(self.at("stop.json"), value)

    def read_delivered(self) -> wire.DeliveredRecord | None:
        """Damaged it says as much by being there: it was written when all was delivered."""
        try:
            return cast("wire.DeliveredRecord | None", read_json(self.at("delivered.json")))
        except Unreadable as error:
            if not error.is_damaged:
                raise
            return {"result_code": "", "streams": {}}

    def write_delivered(self, value: wire.DeliveredRecord) -> None:
        """Not durable: what is lost in a power cut is delivered once more, which changes nothing."""
        write_json(self.at("delivered.json"), value, is_durable=False)

    def write_family(self, members: frozenset[tuple[int, int]]) -> None:
        """Note the pids and start ticks of the living family. Not durable: it matters only while this boot lasts."""
        temporary = self.path / ".family.tmp"
        temporary.write_text(json.dumps(sorted(members)), "ascii")
        temporary.rename(self.path / "family.json")

    def read_family(self) -> frozenset[tuple[int, int]]:
        """The family as last noted; empty when it was never noted or cannot be read."""
        try:
            rows = json.loads((self.path / "family.json").read_text("ascii"))
            return frozenset((int(pid), int(ticks)) for pid, ticks in rows)
        except (OSError, ValueError, TypeError):
            return frozenset()

    def read_group(self) -> dict[str, str]:
        """The control groups of the script, noted with its start; by older sub agents in a file of their own. Empty
        when there is none or it cannot be read."""
        try:
            started = self.read_started()
            paths = started.get("cgroups") if started else None
            if paths is None:
                paths = json.loads((self.path / "cgroup.json").read_text("ascii"))
            return {str(use): str(path) for use, path in paths.items()}
        except (Unreadable, OSError, ValueError, AttributeError):
            return {}

    def is_gone(self) -> bool:
        """Whether somebody removed the folder itself."""
        return not exists(self._text)

    def has_started(self) -> bool:
        """False proves that the script was never executed."""
        return exists(self.at("started.json"))

    def acquire_lock(self) -> int:
        """Become the sub agent of this folder; the descriptor is to be held for life. Raises Locked.

        Waits a moment, because is_alive() of another process holds the lock for an instant.
        """
        descriptor = os.open(self.at("lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline = time.monotonic() + LOCK_PATIENCE_SECONDS
        while not _try_lock(descriptor):
            if time.monotonic() > deadline:
                os.close(descriptor)
                raise Locked(f"{self.lock_path} is held by another process")
            time.sleep(LOCK_POLL_SECONDS)
        return descriptor

    def is_alive(self) -> bool:
        """Whether a sub agent process holds the lock. Free right after its death, and immune to reused pids."""
        try:
            descriptor = os.open(self.at("lock"), os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            return not _try_lock(descriptor)
        finally:
            os.close(descriptor)

    def touch_beat(self) -> None:
        """Written by the sub agent each second. Holds the monotonic clock, which no change of the date can move."""
        self._put_beat(f"{time.monotonic():020.3f}".encode("ascii"), os.O_CREAT)

    def takes_a_beat(self) -> bool:
        """Whether the beat could be written now. False says that an old beat proves nothing about its sub agent."""
        try:
            self._put_beat((self.path / "beat").read_bytes())
        except OSError:
            return False
        return True

    def _put_beat(self, content: bytes, more_flags: int = 0) -> None:
        """In place and always of one length, which needs no new space on a full disk."""
        descriptor = os.open(self.at("beat"), os.O_WRONLY | os.O_CLOEXEC | more_flags, 0o600)
        try:
            os.pwrite(descriptor, content, 0)
        finally:
            os.close(descriptor)

    def beat_age_seconds(self) -> float | None:
        """Seconds since the last beat; None when there was none in this boot of the host."""
        try:
            age_seconds = time.monotonic() - float((self.path / "beat").read_text("ascii"))
        except (OSError, ValueError):
            return None
        return max(0.0, age_seconds) if age_seconds > -1 else None  # what was written is rounded

    def local_state(self) -> wire.LocalState:
        if exists(self.at("exit.json")):
            return "finished"
        if self.has_started():
            return "running"
        return "claimed" if exists(self.at("grant.json")) else "assigned"

    def sizes(self) -> dict[str, int]:
        """Bytes of output on this host by stream; `err` only when the output was split."""
        return {name: os.stat(self.at(name)).st_size for name in STREAMS if exists(self.at(name))}

    @property
    def doomed_path(self) -> Path:
        return self.path.with_name(f"{REMOVED_PREFIX}{self.path.name}")

    def set_apart(self) -> None:
        """The first step of a removal, to be synced before the second, which empties what lies at `doomed_path`: half a
        folder would read as a script that never ran."""
        doomed = self.doomed_path
        if doomed.exists():
            remove_tree(doomed)
        self.path.rename(doomed)

    def remove(self) -> None:
        self.set_apart()
        sync_folder(self.path.parent)
        remove_tree(self.doomed_path)

    def remove_tmp(self) -> None:
        """$TASK_TMPDIR goes as soon as the script has ended; what cannot go now goes with the folder."""
        with contextlib.suppress(OSError):
            remove_tree(self.tmp_path)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
