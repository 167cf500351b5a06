"""What the queue adds to the sentence of a task: who is before it, and who a host with room is kept for. Pure."""

from collections.abc import Mapping, Sequence

from tasks.scheduling.explaining.forecast import Forecast
from tasks.scheduling.explaining.sentences import NEXT_IN_LINE, about, listed
from tasks.scheduling.explaining.standing import Standing
from tasks.scheduling.holds import Hold
from tasks.scheduling.values import Host
from tasks.scheduling.wording import plural


def of_room(words: str, with_room: Sequence[str], ahead: Forecast, hosts: Sequence[Host], needed: int = 1) -> str:
    """Instead of "next in line": where it starts, or why it does not although there is room on `with_room`."""
    if NEXT_IN_LINE not in words:
        return words
    if ahead.in_seconds == 0.0:
        names = listed([hosts[place].name for place in ahead.places])
        return words.replace(NEXT_IN_LINE, f"{NEXT_IN_LINE.removesuffix('.')} on {names}.")
    held = {} if ahead.holds is None else ahead.holds.by_place
    by_host = {hosts[place].name: hold for place, hold in held.items()}
    return words.replace(NEXT_IN_LINE, kept(with_room, by_host, None, needed) or _taken(with_room, ahead))


def of_queue(place: Standing, owner: str) -> str:
    if not place.ahead:
        return ""
    words = f"{place.ahead} {plural(place.ahead, 'task')} {_is(place.ahead)} before it in the queue"
    if place.overtaking and owner:
        words += f", {place.overtaking} of them newer: {owner} has used more of the site lately than who submitted them"
    return words + "."


def kept(with_room: Sequence[str], holds: Mapping[str, Hold], own_id: int | None, needed: int = 1) -> str:
    """EASY backfill: on each host with room, or on all but too few of the `needed` ones, it would delay a task that
    waited longer. `holds`: by host."""
    found = [(host, holds[host]) for host in with_room if host in holds and holds[host].request.id != own_id]
    if not found or len(with_room) - len(found) >= needed:
        return ""
    host, hold = found[0]
    what = f"{'reservation ' if hold.request.is_reservation else '#'}{hold.request.id}"
    rest = f"which has waited longer and is expected to start there in {about(hold.in_seconds)}"
    if needed > 1:
        return f"There is room on {listed(with_room)}, but {host} is kept for {what}, {rest}."
    return f"There is room on {host}, but it is kept for {what}, {rest}."


def _taken(with_room: Sequence[str], ahead: Forecast) -> str:
    first = [f"#{request.id}" for request in ahead.placed_before if not request.is_reservation]
    by = f" by {listed(first)}" if first else ""
    return f"There is room on {listed(with_room)} now, but it is taken{by} before its turn comes."


def _is(count: int) -> str:
    return "is" if count == 1 else "are"
