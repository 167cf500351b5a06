"""Finishes what dead sub agents left: their results and the rest of their output. Removes no folder."""

import time
from dataclasses import dataclass

from agent_client.atomic import Unreadable
from agent_client.enrolment import Identity
from agent_client.http import AgentHttp
from agent_client.journal import LocalRecord, scan
from agent_client.main_agent.context import Context
from agent_client.main_agent.set_aside import is_unclaimed, set_aside
from agent_client.sub_agent.delivery import Delivery
from agent_client.sub_agent_dir import SubAgentDir
from agent_client.system_log import EventLog

log = EventLog(loop="delivery")
LOOK_SECONDS = 1.0
REST_SECONDS = 30.0
MOST_OPEN = 32  # each has its connection and its files open


@dataclass
class _Open:
    delivery: Delivery
    task_id: int
    folder: SubAgentDir
    due_at: float = 0.0
    is_failing: bool = False

    def was_noted(self) -> bool:
        return (self.folder.path / "delivered.json").exists()


class DeliveryLoop:
    def __init__(self, context: Context) -> None:
        self._context = context
        self._open: dict[str, _Open] = {}
        self._rests_until: dict[str, float] = {}

    def run(self) -> None:
        while True:
            self._context.delivery_wanted.wait(self.turn())
            self._context.delivery_wanted.clear()

    def turn(self) -> float:
        """One step of every delivery that is due; returns the seconds until the next is."""
        if self._context.hands_off:
            return LOOK_SECONDS
        waiting = [r for r in scan(self._context.sub_agents).records if is_to_deliver(r)]
        self._close_all_but({record.sub_agent_id for record in waiting})
        for record in waiting:
            self._attend(record)
        now = time.monotonic()
        return min([LOOK_SECONDS, *(max(0.0, entry.due_at - now) for entry in self._open.values())])

    def _attend(self, record: LocalRecord) -> None:
        try:
            entry = self._entry(record)
            if entry and entry.due_at <= time.monotonic():
                self._step(record, entry)
        except (Unreadable, OSError, KeyError, TypeError, ValueError) as error:  # one must not hold up the others
            log.error("delivery_failed", sub_agent_id=record.sub_agent_id, task_id=record.task_id, detail=str(error))
            self._rests_until[record.sub_agent_id] = time.monotonic() + REST_SECONDS
            self._close(record.sub_agent_id)

    def _entry(self, record: LocalRecord) -> _Open | None:
        if self._rests_until.get(record.sub_agent_id, 0.0) > time.monotonic():
            return None
        if record.sub_agent_id not in self._open:
            if len(self._open) >= MOST_OPEN and not self._make_room():
                return None
            folder = SubAgentDir(self._context.sub_agents / record.sub_agent_id)
            delivery = connect(folder, self._context.identity)
            self._open[record.sub_agent_id] = _Open(delivery, record.task_id, folder)
        return self._open[record.sub_agent_id]

    def _make_room(self) -> bool:
        """One that gets nowhere gives up its place for a while: it must not keep the others from theirs."""
        failing = next((key for key, entry in self._open.items() if entry.is_failing), None)
        if failing is None:
            return False
        self._rests_until[failing] = time.monotonic() + REST_SECONDS
        self._close(failing)
        return True

    def _step(self, record: LocalRecord, entry: _Open) -> None:
        fields = {"sub_agent_id": record.sub_agent_id, "task_id": record.task_id}
        outcome = entry.delivery.step()
        entry.due_at = time.monotonic() + outcome.next_in_seconds
        entry.is_failing = bool(outcome.failure)
        if outcome.failure:
            log.warning("delivery_delayed", **fields, detail=outcome.failure)
        if outcome.failure and is_unclaimed(entry.folder.path, outcome.unknown_seconds):
            self._close(record.sub_agent_id)
            log.error("unclaimed", **fields, detail=f"no server wants it; it is kept in {set_aside(entry.folder.path)}")
        if outcome.done:
            self._close(record.sub_agent_id)
            if entry.was_noted():
                log.info("delivered", **fields)
                self._context.beat_wanted.set()  # the beat loop removes the folder
            else:  # a full disk: known to the server, and again to be told only to be noted here
                self._rests_until[record.sub_agent_id] = time.monotonic() + REST_SECONDS

    def _close_all_but(self, wanted: set[str]) -> None:
        for sub_agent_id in set(self._open) - wanted:
            self._close(sub_agent_id)
        self._rests_until = {key: until for key, until in self._rests_until.items() if key in wanted}

    def _close(self, sub_agent_id: str) -> None:
        entry = self._open.pop(sub_agent_id, None)
        if entry:
            entry.delivery.close()


def is_to_deliver(record: LocalRecord) -> bool:
    return record.local_state == "finished" and not record.is_alive and not record.is_delivered


def connect(folder: SubAgentDir, identity: Identity) -> Delivery:
    """As the sub agent itself would, but to the address that this main agent uses now: a server may move."""
    grant = folder.read_grant()
    if grant is None:
        raise Unreadable(folder.path / "grant.json", "it is missing")
    credential = f"SubAgent {grant['sub_agent_id']}:{grant['sub_agent_token']}"
    return Delivery(folder, AgentHttp(identity.server_url, credential, identity.instance_id))
