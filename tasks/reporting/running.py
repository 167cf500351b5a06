"""Who may be answered without being read: scripts that run, with nothing to be told to them. That is nearly every entry
of every second.

Whose an attempt is never changes once it runs, so it is kept in memory; one count says of a whole report that all still
run, and that of none a stop is wished. Believes nothing else of what it knew. Answers nobody.
"""

import hmac
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from scheduler_site.shared import statements
from tasks.agent_messages import Entry
from tasks.models import SubAgent
from tasks.states import SubAgentState

MOST = 20_000

# With a lease each answer renews it, which looks at the row.
_NOTHING_TO_TELL = {"state": SubAgentState.RUNNING, "stop_reason": "", "granted_seconds": None}


@dataclass(frozen=True, slots=True)
class Running:
    task_id: int
    fence: int
    token: bytes


_known: dict[UUID, Running] = {}


def remember(sub_agent: SubAgent, token: str) -> None:
    """`token` has been found to be its own."""
    if sub_agent.state != SubAgentState.RUNNING or sub_agent.pk in _known:
        return
    if len(_known) >= MOST:
        _known.clear()  # who still runs is read once more
    _known[sub_agent.pk] = Running(sub_agent.task_id, sub_agent.fence, token.encode())


def still_running(entries: Sequence[Entry], beats: Sequence[Entry]) -> Mapping[UUID, Running]:
    """Those of `beats` that may be answered so. An attempt with several of the report's `entries` is not among them:
    another one may end it."""
    times = Counter(entry.sub_agent_id for entry in entries)
    found = {beat.sub_agent_id: own for beat in beats if times[beat.sub_agent_id] == 1 and (own := _own(beat))}
    return found if found and _count(found) == len(found) else {}


def _own(beat: Entry) -> Running | None:
    """None: not known, or not proved."""
    known = _known.get(beat.sub_agent_id)
    is_right = known and known.fence == beat.fence and hmac.compare_digest(known.token, beat.token.encode())
    return known if is_right else None


def _count(found: Mapping[UUID, Running]) -> int:
    return statements.count_among(SubAgent, "id", found, **_NOTHING_TO_TELL)
