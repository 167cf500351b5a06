"""What each host says to a shape: room now, room later and after whom, or never. Pure; books nothing.

A host that is full for now may also lack for good what is asked for; the second is said, because waiting will not help.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tasks.scheduling import fit, release
from tasks.scheduling.holds import opening_on
from tasks.scheduling.values import Host, Refusal, Shape

HAS_ROOM = "has room"


@dataclass(frozen=True, slots=True)
class Outlook:
    """`reason` goes on after the host's name. `free_in_seconds` is None when nobody knows; `after`: who has to end
    before, such as #41. `is_away`: the host takes no work now, whatever is free there."""

    host: str
    fits: bool
    reason: str
    is_final: bool = False
    lacks: str = ""
    free_in_seconds: float | None = None
    after: str = ""
    is_away: bool = False

    @property
    def is_busy(self) -> bool:
        """It would do as soon as somebody ends."""
        return not (self.fits or self.is_final or self.is_away)


def outlooks(
    shape: Shape, hosts: Iterable[Host], away: Mapping[str, str], unknown: frozenset[str] = frozenset()
) -> list[Outlook]:
    """Of every host that is of the kind asked for: inside the reservation, or outside of all. `away`: by agent, why it
    takes no work. `unknown`: holders that nobody knows the run time of."""
    return [
        outlook_on(shape, host, away.get(host.agent_id, ""), unknown)
        for host in hosts
        if host.reservation_id == shape.reservation_id
    ]


def outlook_on(shape: Shape, host: Host, away: str = "", unknown: frozenset[str] = frozenset()) -> Outlook:
    now = fit.refusal(shape, host)
    never = _for_good(shape, host, now)
    if never is not None:
        return Outlook(host.name, False, never.reason, is_final=True, lacks=never.lacks, is_away=bool(away))
    if away:
        return Outlook(host.name, False, f"is {away}", lacks="host", is_away=True)
    if now is None:
        return Outlook(host.name, True, HAS_ROOM, free_in_seconds=0.0)
    opening = opening_on(shape, host)
    if opening is None:
        return Outlook(host.name, False, now.reason, lacks=now.lacks)
    seconds = None if opening.after in unknown else opening.in_seconds
    return Outlook(host.name, False, now.reason, lacks=now.lacks, free_in_seconds=seconds, after=opening.after)


def _for_good(shape: Shape, host: Host, now: Refusal | None) -> Refusal | None:
    if now is None or now.is_final:
        return now
    empty = fit.refusal(shape, release.emptied(host))
    return empty if empty is not None and empty.is_final else None


def soonest_first(found: Sequence[Outlook]) -> list[Outlook]:
    """The busy hosts; those of which nobody knows when they have room come last."""
    return sorted((outlook for outlook in found if outlook.is_busy), key=_soonness)


def _soonness(outlook: Outlook) -> tuple[bool, float, bool]:
    seconds = outlook.free_in_seconds
    return seconds is None, seconds or 0.0, not outlook.after
