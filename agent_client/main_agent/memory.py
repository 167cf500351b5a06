"""What the beat loop remembers of sub agents between two turns and may forget in a crash. Touches no file."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from agent_client.journal import LocalRecord
from agent_client.reconcile import Memory

LAUNCH_GRACE_SECONDS = 20.0  # from the launch until the sub agent must hold its lock
FIRST_REST_SECONDS = 3.0  # the server takes an assignment back that nobody has claimed after 15 s
LONGEST_REST_SECONDS = 30.0
LAUNCH_TRIES = 3


@dataclass
class BeatMemory:
    clock: Callable[[], float] = time.monotonic
    to_launch: dict[str, int] = field(default_factory=dict)  # claimed here -> launches that failed
    launched_at: dict[str, float] = field(default_factory=dict)
    not_started: dict[str, str] = field(default_factory=dict)
    locks: dict[str, int] = field(default_factory=dict)  # of those not started: nobody may start them any more
    rests_until: dict[str, float] = field(default_factory=dict)
    rests: dict[str, float] = field(default_factory=dict)  # how long the next one will be
    claims_alone: bool = False  # this server takes no several claims in one call

    def claimed(self, sub_agent_id: str) -> None:
        self.to_launch[sub_agent_id] = 0
        self.rests.pop(sub_agent_id, None)

    def launched(self, sub_agent_id: str) -> None:
        self.to_launch.pop(sub_agent_id, None)
        self.launched_at[sub_agent_id] = self.clock()

    def launch_failed(self, sub_agent_id: str, detail: str) -> None:
        """Tried again at the next turn; after the third time the script counts as not started."""
        self.to_launch[sub_agent_id] = self.to_launch.get(sub_agent_id, 0) + 1
        if self.to_launch[sub_agent_id] >= LAUNCH_TRIES:
            del self.to_launch[sub_agent_id]
            self.not_started[sub_agent_id] = f"The sub agent could not be launched: {detail}"

    def rest(self, sub_agent_id: str) -> None:
        """Leave an assignment that the server answers strangely alone for a while, each time for longer: the claim may
        have been damaged on its way, or be something that this server will never understand."""
        seconds = self.rests.get(sub_agent_id, FIRST_REST_SECONDS)
        self.rests[sub_agent_id] = min(2 * seconds, LONGEST_REST_SECONDS)
        self.rests_until[sub_agent_id] = self.clock() + seconds

    def forget(self, sub_agent_id: str) -> None:
        for known in (self.to_launch, self.launched_at, self.not_started, self.rests_until, self.rests):
            known.pop(sub_agent_id, None)

    def view(self, records: Iterable[LocalRecord], no_room: str) -> Memory:
        """The memory as plain values for `reconcile`; what lies on disk tells which launches have arrived."""
        arrived = {r.sub_agent_id for r in records if r.is_alive or r.local_state in ("running", "finished")}
        now = self.clock()
        self.launched_at = {
            sub_agent_id: at
            for sub_agent_id, at in self.launched_at.items()
            if sub_agent_id not in arrived and now - at < LAUNCH_GRACE_SECONDS
        }
        return Memory(
            to_launch=frozenset(self.to_launch),
            launching=frozenset(self.launched_at),
            not_started=dict(self.not_started),
            resting=frozenset(key for key, until in self.rests_until.items() if until > now),
            no_room=no_room,
        )
