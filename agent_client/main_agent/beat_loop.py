"""The one thread that talks about the host: session, heartbeat, claims, launches, directives. Delivers no output."""

import random
import time
from collections.abc import Callable, Iterable, Mapping

from agent_client import wire
from agent_client.http import NetworkFailure, ProtocolError, Unauthorized
from agent_client.journal import scan
from agent_client.main_agent.amnesia import Amnesia
from agent_client.main_agent.care import Care
from agent_client.main_agent.context import Context
from agent_client.main_agent.local_wish import kill_scripts
from agent_client.main_agent.loops import Ended
from agent_client.main_agent.memory import BeatMemory
from agent_client.main_agent.perform import Performer
from agent_client.main_agent.rotation import Rotation
from agent_client.main_agent.session import open_session
from agent_client.reconcile import reconcile
from agent_client.reserve import Reserve
from agent_client.retained import Housekeeping
from agent_client.retry import WAIT_30_SECONDS, Backoff
from agent_client.sub_agent import survivors
from agent_client.sub_agent.lease import boottime
from agent_client.sub_agent_dir import SubAgentDir
from agent_client.system_log import EventLog

log = EventLog(loop="beat")
BEAT_SECONDS = 2.0
FRESH_SECONDS = 2.5  # figures of the host so old will do for a beat that was rung for
JITTER = 0.1
UNDER_WAY = ("assigned", "claimed", "running")
ASKED = "an operator asked it to end"
DRAINED = "it was told on its host to end when nothing runs"


class BeatLoop:
    def __init__(self, context: Context, pause: Callable[[float], None] | None = None) -> None:
        self._context = context
        self._pause = pause or self._sit_out
        self._http = context.identity.http()
        self._memory = BeatMemory()
        self._performer = Performer(context, self._http, self._memory)
        self._backoff = Backoff()
        self._seq = 0
        self._care = Care(context)
        self._amnesia = Amnesia(context, self._http)
        self._rotation = Rotation(context, self._http)
        self._reserve = Reserve(context.config.state_dir)
        self._retained = Housekeeping(context.retained)
        self._is_rung = False
        self._reading: tuple[wire.Resources, list[wire.SubAgentGpuUse] | None] | None = None
        self._read_at = 0.0

    def run(self) -> None:
        while True:
            seconds = self.turn()
            self._context.beat_done.set()
            self.rest(seconds)

    def rest(self, seconds: float) -> None:
        """Until the next turn is due or wanted. After a failure nobody may want it sooner: a server that is
        overloaded must not be asked again for each ring of its bell."""
        if self._backoff.failures:
            self._pause(seconds)
            self._is_rung = False
            self._context.beat_wanted.clear()
            return
        ends_at = time.monotonic() + seconds
        while True:
            self._is_rung = self._context.beat_wanted.wait(max(0.0, ends_at - time.monotonic()))
            self._context.beat_wanted.clear()
            if not self._start_granted() or self._is_wanted(ends_at):
                return

    def _is_wanted(self, ends_at: float) -> bool:
        """Whether whoever woke us wants a beat as well as a start. One that is missed comes when the next is due."""
        is_asked = not self._context.beat_done.is_set() or self._context.wish.asked.is_set()
        return is_asked or time.monotonic() >= ends_at

    def _start_granted(self) -> set[str]:
        """Returns the ids of what was granted."""
        return {one.grant["sub_agent_id"] for one in self._performer.start_granted()}

    def _close_ahead(self) -> bool:
        """Nothing is claimed ahead from now on. False: a session has to find out what of it was granted."""
        is_settled = self._context.ahead.close()
        self._start_granted()
        if not is_settled:
            self._context.epoch = None
        return is_settled

    def _sit_out(self, seconds: float) -> None:
        """What somebody asks on this host is not kept waiting: its server may be away for long."""
        wish, ends_at = self._context.wish, time.monotonic() + seconds
        while (left := ends_at - time.monotonic()) > 0:
            wish.asked.wait(min(left, BEAT_SECONDS))
            wish.asked.clear()
            self._start_granted()
            if wish.kill.is_set():
                kill_scripts(self._context.sub_agents)
            if wish.drain.is_set() and self._is_empty():
                return

    def turn(self) -> float:
        """One exchange and what follows from it; returns the seconds until the next."""
        self._start_granted()
        if self._context.wish.kill.is_set():
            kill_scripts(self._context.sub_agents)
        try:
            seconds = self._open_session() if self._context.epoch is None else self._beat()
        except (NetworkFailure, ProtocolError) as error:
            if self._context.wish.drain.is_set():
                self._close_ahead()
                if self._is_empty():
                    raise Ended(DRAINED) from error
            return self._after_failure(error)
        if self._backoff.failures:
            log.info("server_reached", failures=self._backoff.failures)
            self._backoff.reset()
        return seconds

    def _open_session(self) -> float:
        self._context.ahead.close()
        self._start_granted()  # or the inventory would not list it
        reply = open_session(self._context, self._http, self._amnesia.rows())
        self._seq = 0
        self._memory.claims_alone = False  # it may be a newer server
        self._context.epoch = reply["epoch"]
        self._care.heed(reply)
        self._amnesia.heed(reply)
        self._act([], reply["directives"])
        try:
            self._amnesia.tell(reply["directives"])
        except (NetworkFailure, ProtocolError):
            self._context.epoch = None  # it is all told again then
            raise
        return 0.0

    def _beat(self) -> float:
        resources, gpu_use = self._figures()
        no_room = lack_of_room(resources, self._context.config.min_free_disk_mib)
        is_draining = self._context.wish.drain.is_set()
        takes_none = bool(no_room) or is_draining or self._context.hands_off
        if takes_none and not self._close_ahead():
            return self._open_session()
        ending = DRAINED if is_draining and self._is_empty() else ""
        cleared = dict(self._context.cleared)
        self._reserve.keep()
        if not self._context.hands_off:
            self._retained.look()
        reply = self._say(resources, gpu_use, accepts_work=not (no_room or is_draining), cleared=cleared, ending=ending)
        self._context.beat_done.set()  # the bell may ring for the next while this one is acted on
        self._forget_cleared(cleared)
        if self._care.heed(reply):
            self._context.epoch = None  # all that lies here may be told now
            return 0.0
        if ending:
            raise Ended(ending)
        started = self._start_granted()  # of those another call was granted, this answer may be too old to know
        assignments = [one for one in reply["assignments"] if one["sub_agent_id"] not in started]
        self._act(assignments, reply["directives"], no_room, is_draining)
        if reply.get("end"):
            if not self._close_ahead():
                return 0.0
            self._say(resources, gpu_use, accepts_work=False, cleared={}, ending=ASKED)
            raise Ended(ASKED)
        self._rotation.heed(reply)
        if self._amnesia.heed(reply) or reply["inventory_wanted"]:
            self._context.epoch = None
            return 0.0
        if not (takes_none or self._context.hands_off):
            self._context.ahead.open(self._context.epoch or 0, reply)
        return stretched(reply["next_in_seconds"])

    def _figures(self) -> tuple[wire.Resources, list[wire.SubAgentGpuUse] | None]:
        """Of the host. They cost more than all the rest of a beat, and who rings does not do it for them."""
        is_fresh = time.monotonic() - self._read_at < FRESH_SECONDS
        if self._reading is None or not (self._is_rung and is_fresh):
            self._reading, self._read_at = self._context.probe.read_with_users(), time.monotonic()
        return self._reading

    def _say(
        self,
        resources: wire.Resources,
        gpu_use: list[wire.SubAgentGpuUse] | None,
        *,
        accepts_work: bool,
        cleared: Mapping[str, int],
        ending: str,
    ) -> wire.HeartbeatReply:
        self._seq += 1
        asked, sent_at = self._context.ahead.ask() if accepts_work else None, boottime()
        try:
            reply = self._http.heartbeat(
                {
                    "epoch": self._context.epoch or 0,
                    "seq": self._seq,
                    "resources": resources,
                    "accepts_work": accepts_work,
                    "gpu_use": gpu_use,
                    "cleared": [{"sub_agent_id": key, "fence": fence} for key, fence in cleared.items()],
                    "ending": ending,
                    "claims_ahead": asked,
                }
            )
        except (NetworkFailure, ProtocolError):
            self._context.ahead.failed(asked)
            raise
        self._context.ahead.answered(asked, reply, sent_at, is_doubled=self._http.was_doubled, wakes=False)
        return reply

    def _is_empty(self) -> bool:
        """Whether no script runs here or is about to. Results that are not told yet wait for the next start."""
        inventory = scan(self._context.sub_agents)
        return not any(record.is_alive or record.local_state in UNDER_WAY for record in inventory.records)

    def _forget_cleared(self, told: Iterable[str]) -> None:
        """The server has it: their folders may go."""
        for sub_agent_id in told:
            survivors.forget(SubAgentDir(self._context.sub_agents / sub_agent_id))
            self._context.cleared.pop(sub_agent_id, None)

    def _act(
        self,
        assignments: Iterable[wire.Assignment],
        directives: Iterable[wire.Directive],
        no_room: str = "",
        is_draining: bool = False,
    ) -> None:
        """While it drains, what was placed a moment ago is left alone: the server takes it back."""
        if self._context.hands_off:
            return
        inventory = scan(self._context.sub_agents)
        view = self._memory.view(inventory.records, no_room)
        assignments = () if is_draining else self._amnesia.withhold(assignments)
        self._performer.perform_all(reconcile(inventory.records, assignments, directives, view))

    def _after_failure(self, error: NetworkFailure | ProtocolError) -> float:
        seconds = self._backoff.after(error)
        code = getattr(error, "code", "")
        if code == "stale_epoch":
            log.warning("stale_epoch", detail="another session of this agent was opened; opening a new one")
            self._context.epoch = None
            self._care.disturbed()
        elif isinstance(error, Unauthorized):
            if self._rotation.refused(error):
                return 0.0
            log.error("not_authorized", detail=self._not_authorized(error))
        elif code == "version_too_old":
            log.error("version_too_old", detail=error.detail)
            return max(seconds, WAIT_30_SECONDS)
        else:
            log.warning("server_unreachable", detail=f"{error}; scripts run on, trying again")
        return seconds

    def _not_authorized(self, error: Unauthorized) -> str:
        path = self._context.config.state_dir / "agent.json"
        return (
            f"{self._context.identity.server_url} does not accept this agent ({error.detail}); it takes no work and "
            f"keeps what runs. To enrol it again, remove {path} and start it with a new enrolment token."
        )


def lack_of_room(resources: wire.Resources, min_free_disk_mib: int) -> str:
    """The sentence why no work is taken, empty when there is room. An unknown size is no reason."""
    free_mib = resources["disk_free_mib"]
    if free_mib is None or free_mib >= min_free_disk_mib:
        return ""
    return f"Only {free_mib} MiB are free on the disk of the state directory; {min_free_disk_mib} MiB are kept free."


def stretched(next_in_seconds: float) -> float:
    """The server's interval with 10 % of jitter, so that agents which started together drift apart."""
    return max(0.05, next_in_seconds or BEAT_SECONDS) * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311
