"""Decides what to do about each sub agent: the server's wishes and what lies on the host -> actions. Pure.

Does nothing itself (main_agent/perform.py does). The same input gives the same actions, and an action that was carried
out changes what lies on the host, so that running it again after a crash is safe.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from agent_client import wire
from agent_client.journal import LocalRecord


@dataclass(frozen=True)
class Claim:
    """Accept the assignment. `assignment` is None when it is on disk already, from before a crash or a lost reply."""

    sub_agent_id: str
    assignment: wire.Assignment | None = None


@dataclass(frozen=True)
class ClaimAgain:
    """The server has forgotten that it granted this, and assigns it once more: it is told so, nothing is started."""

    sub_agent_id: str


@dataclass(frozen=True)
class Reject:
    sub_agent_id: str
    fence: int
    reason: str
    detail: str


@dataclass(frozen=True)
class Launch:
    sub_agent_id: str


@dataclass(frozen=True)
class Stop:
    sub_agent_id: str
    stop: wire.Stop


@dataclass(frozen=True)
class Deliver:
    """Finish what a dead sub agent left. `again`: the server lost what it had acknowledged."""

    sub_agent_id: str
    again: bool = False


@dataclass(frozen=True)
class Forget:
    sub_agent_id: str


@dataclass(frozen=True)
class NotStarted:
    """The script was never executed and never will be: its lock is taken before the server is told."""

    sub_agent_id: str
    detail: str


@dataclass(frozen=True)
class Nothing:
    """Nothing to do; `why` is worth a log line when it is not empty."""

    sub_agent_id: str
    why: str = ""


Action = Claim | ClaimAgain | Reject | Launch | Stop | Deliver | Forget | NotStarted | Nothing
_URGENCY: tuple[type, ...] = (Stop, Deliver, NotStarted, Launch, ClaimAgain, Claim, Reject, Forget)


@dataclass(frozen=True)
class Memory:
    """What only the living main agent knows. `no_room` is the sentence why nothing new is taken."""

    to_launch: frozenset[str] = frozenset()  # claimed by this process, not launched yet
    launching: frozenset[str] = frozenset()  # launched a moment ago: the lock may not be taken yet
    not_started: dict[str, str] = field(default_factory=dict)  # decided and not yet acknowledged, with the sentence
    resting: frozenset[str] = frozenset()  # the server answered the claim strangely a moment ago
    no_room: str = ""


def reconcile(
    records: Sequence[LocalRecord],
    assignments: Iterable[wire.Assignment],
    directives: Iterable[wire.Directive],
    memory: Memory,
) -> list[Action]:
    """One action per sub agent that needs one (a claim once more may come beside it), the most urgent kind first."""
    wishes = {directive["sub_agent_id"]: directive for directive in directives}
    known = {record.sub_agent_id for record in records}
    offered = {new["sub_agent_id"]: new for new in assignments}
    actions = [_for_record(record, wishes.get(record.sub_agent_id), memory) for record in records]
    actions += [ClaimAgain(r.sub_agent_id) for r in records if _was_forgotten(r, offered.get(r.sub_agent_id))]
    actions += [_for_assignment(new, memory) for key, new in offered.items() if key not in known]
    actions += [Nothing(wish, _why_ignored(directive)) for wish, directive in wishes.items() if wish not in known]
    wanted = [action for action in actions if not isinstance(action, Nothing) or action.why]
    return sorted(wanted, key=lambda action: _URGENCY.index(type(action)) if type(action) in _URGENCY else -1)


def _was_forgotten(record: LocalRecord, offered: wire.Assignment | None) -> bool:
    """Its script was started here under this fence, and yet it is offered as new."""
    is_same = offered is not None and offered["fence"] == record.fence
    return is_same and record.local_state in ("running", "finished")


def _for_assignment(assignment: wire.Assignment, memory: Memory) -> Action:
    if memory.no_room:
        return Reject(assignment["sub_agent_id"], assignment["fence"], "disk_full", memory.no_room)
    return Claim(assignment["sub_agent_id"], assignment)


def _for_record(record: LocalRecord, directive: wire.Directive | None, memory: Memory) -> Action:
    if directive and directive["fence"] != record.fence:
        return Nothing(record.sub_agent_id, f"directive for fence {directive['fence']}, here is {record.fence}")
    if directive and directive["kind"] not in ("keep", "stop", "send_result", "forget"):
        return Nothing(record.sub_agent_id, _why_ignored(directive))
    decide = {"assigned": _assigned, "claimed": _claimed, "running": _running, "finished": _finished}
    return decide[record.local_state](record, directive, memory)


def _assigned(record: LocalRecord, directive: wire.Directive | None, memory: Memory) -> Action:
    if directive and directive["kind"] in ("stop", "forget"):
        return Forget(record.sub_agent_id)
    return Nothing(record.sub_agent_id) if record.sub_agent_id in memory.resting else Claim(record.sub_agent_id)


def _claimed(record: LocalRecord, directive: wire.Directive | None, memory: Memory) -> Action:
    sub_agent_id = record.sub_agent_id
    if sub_agent_id in memory.not_started:
        return NotStarted(sub_agent_id, memory.not_started[sub_agent_id])
    if record.is_alive or sub_agent_id in memory.launching:
        return _stop_or_nothing(record, directive)
    if directive and directive["kind"] in ("stop", "forget"):
        return NotStarted(sub_agent_id, "It was stopped before the script was started.")
    if sub_agent_id in memory.to_launch:
        return Launch(sub_agent_id)
    return NotStarted(sub_agent_id, "The sub agent ended before it started the script.")


def _running(record: LocalRecord, directive: wire.Directive | None, memory: Memory) -> Action:
    """A dead one without a result is not handled here: the watch loop ends its family and writes the result."""
    return _stop_or_nothing(record, directive) if record.is_alive else Nothing(record.sub_agent_id)


def _finished(record: LocalRecord, directive: wire.Directive | None, memory: Memory) -> Action:
    kind = directive["kind"] if directive else "keep"
    if kind == "forget":
        return Forget(record.sub_agent_id)
    if record.is_alive:
        return Nothing(record.sub_agent_id)  # it delivers by itself
    if record.is_delivered and kind != "send_result":
        return Forget(record.sub_agent_id)
    return Deliver(record.sub_agent_id, again=record.is_delivered)


def _stop_or_nothing(record: LocalRecord, directive: wire.Directive | None) -> Action:
    if directive is None or directive["kind"] != "stop":
        return Nothing(record.sub_agent_id)
    stop: wire.Stop = {
        "reason": directive.get("reason") or "cancel",
        "grace_seconds": directive.get("grace_seconds"),
        "kill_now": bool(directive.get("kill_now")),
    }
    return Stop(record.sub_agent_id, stop)


def _why_ignored(directive: wire.Directive) -> str:
    """Asking for what is not here is normal after a result was forgotten; an unknown kind means a newer server."""
    return (
        ""
        if directive["kind"] in ("keep", "stop", "send_result", "forget")
        else f"unknown directive {directive['kind']}"
    )
