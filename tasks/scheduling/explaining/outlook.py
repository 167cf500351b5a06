"""What each host says to a shape: room now, room later and after whom, or never. Pure; books nothing.

A host that is full for now may also lack for good what is asked for; the second is said, because waiting will not help.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

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


def brief(
    shape: Shape,
    hosts: Iterable[Host],
    away: Mapping[str, str],
    unknown: frozenset[str],
    empty: Callable[[Host], Host] = release.emptied,
) -> list[Outlook]:
    """The same for long lists: only the busy host that has room first is asked when. `empty`: release.emptied, perhaps
    from memory."""
    wanted = [host for host in hosts if host.reservation_id == shape.reservation_id]
    found = [_now(shape, host, away.get(host.agent_id, ""), empty) for host in wanted]
    busy = [place for place, outlook in enumerate(found) if outlook.is_busy and wanted[place].endings]
    first: tuple[float, int] | None = None
    for place in sorted(busy, key=lambda place: _first_end(wanted[place])):
        if first is not None and first[0] <= _first_end(wanted[place]):
            break
        opening = opening_on(shape, wanted[place])
        if opening is not None and (first is None or opening.in_seconds < first[0]):
            first = opening.in_seconds, place
    if first is not None:
        found[first[1]] = _with_opening(shape, wanted[first[1]], found[first[1]], unknown)
    return found


def outlook_on(shape: Shape, host: Host, away: str = "", unknown: frozenset[str] = frozenset()) -> Outlook:
    found = _now(shape, host, away, release.emptied)
    return _with_opening(shape, host, found, unknown) if found.is_busy else found


def _now(shape: Shape, host: Host, away: str, empty: Callable[[Host], Host]) -> Outlook:
    """Without when it will have room."""
    now = fit.refusal(shape, host)
    never = _for_good(shape, host, now, empty)
    if never is not None:
        return Outlook(host.name, False, never.reason, is_final=True, lacks=never.lacks, is_away=bool(away))
    if away:
        return Outlook(host.name, False, f"is {away}", lacks="host", is_away=True)
    if now is None:
        return Outlook(host.name, True, HAS_ROOM, free_in_seconds=0.0)
    return Outlook(host.name, False, now.reason, lacks=now.lacks)


def _with_opening(shape: Shape, host: Host, found: Outlook, unknown: frozenset[str]) -> Outlook:
    opening = opening_on(shape, host)
    if opening is None:
        return found
    seconds = None if opening.after in unknown else opening.in_seconds
    return replace(found, free_in_seconds=seconds, after=opening.after)


def _first_end(host: Host) -> float:
    return min(ending.in_seconds for ending in host.endings)


def _for_good(shape: Shape, host: Host, now: Refusal | None, empty: Callable[[Host], Host]) -> Refusal | None:
    if now is None or now.is_final:
        return now
    never = fit.refusal(shape, empty(host))
    return never if never is not None and never.is_final else None


def soonest_first(found: Sequence[Outlook]) -> list[Outlook]:
    """The busy hosts; those of which nobody knows when they have room come last."""
    return sorted((outlook for outlook in found if outlook.is_busy), key=_soonness)


def _soonness(outlook: Outlook) -> tuple[bool, float, bool]:
    seconds = outlook.free_in_seconds
    return seconds is None, seconds or 0.0, not outlook.after
