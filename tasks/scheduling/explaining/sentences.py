"""Why a shape waits for room, in one sentence for people. Pure: what the hosts say in, words out."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime

from tasks.scheduling.explaining.outlook import Outlook, soonest_first
from tasks.scheduling.values import Host, Shape
from tasks.scheduling.wording import needs, plural

SHOWN = 3
NEXT_IN_LINE = "Next in line; it starts within a moment."


def no_room(shape: Shape, found: Sequence[Outlook]) -> str:
    """Empty when enough hosts have room."""
    fits, busy, away, final = _sorted(found)
    if len(fits) >= shape.node_count:
        return ""
    if found and len(fits) + len(busy) + len(away) < shape.node_count:
        return f"{_never(shape, fits, busy)}: {_reasons(final)}."
    if not fits and not busy and not final:
        return f"No host takes work now: {_absent(away)}."
    if len(fits) + len(busy) < shape.node_count:
        return f"No host that is online can run this: needs {needs(shape)}; {_could(away)}."
    return _until_room(shape, fits, busy)


def kept_off(shape: Shape, found: Sequence[Outlook], until: datetime) -> str:
    """It failed where there is room; empty when there is room elsewhere, or when nobody else could have it."""
    with_room = [outlook.host for outlook in found if outlook.fits]
    elsewhere = [outlook for outlook in found if outlook.host not in shape.avoid_hosts]
    if sum(outlook.fits for outlook in elsewhere) >= shape.node_count:
        return ""
    if sum(outlook.fits or outlook.is_busy for outlook in elsewhere) < shape.node_count:
        return ""
    hosts = listed([name for name in with_room if name in shape.avoid_hosts])
    return (
        f"There is room on {hosts}, but it failed there lately; until {until:%H:%M:%S} UTC it waits for another host."
    )


def site_short(shape: Shape, hosts: Sequence[Host], total: dict[str, int], free: dict[str, int]) -> str:
    """When a resource of the site is short, who has it; empty when none is."""
    for name, asked in shape.site_resources:
        if asked > total.get(name, 0):
            return f"Needs {asked} {name}; the site has {total.get(name, 0)} in all."
        if asked > free.get(name, 0):
            held = f"{total[name] - free.get(name, 0)} of {total[name]} {name} in use on the site"
            return f"Needs {asked} {name}; {held}{_by(holders_of(name, hosts))}."
    return ""


def out_of_service(shape: Shape, retired: Collection[str]) -> str:
    """When a shape names hosts and none of them is there. `retired`: names of those that are deactivated."""
    named = [f"{name} ({'deactivated' if name in retired else 'not known'})" for name in shape.hosts]
    return f"None of the hosts asked for is in service: {listed(named)}."


def holders_of(name: str, hosts: Sequence[Host]) -> list[str]:
    """Who holds some of a counted resource, whoever ends first coming first."""
    endings = [ending for host in hosts for ending in host.endings if name in dict(ending.held.resources)]
    return [ending.holder for ending in sorted(endings, key=lambda ending: ending.in_seconds)]


def about(seconds: float) -> str:
    """ "about 20 min", rounded to what a guess is worth."""
    if seconds < 90:
        return "about a minute"
    if seconds < 50 * 60:
        return f"about {round(seconds / 60)} min"
    if seconds < 90 * 60:
        return "about an hour"
    if seconds < 36 * 3600:
        return f"about {round(seconds / 3600)} h"
    return f"about {round(seconds / 86400)} days"


def listed(words: Sequence[str], shown: int = SHOWN) -> str:
    """ "a, b, c and 4 more" """
    more = len(words) - shown
    if more > 0:
        return f"{', '.join(words[:shown])} and {more} more"
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def asked(shape: Shape, lacks: str) -> str:
    """Of what a shape asks for, the part that is short."""
    only = {
        "cpu": Shape(cpu_centicores=shape.cpu_centicores),
        "memory": Shape(memory_mib=shape.memory_mib),
        "disk": Shape(disk_mib=shape.disk_mib),
        "gpu": replace(
            Shape(),
            **{name: getattr(shape, name) for name in ("gpu_count", "gpu_memory_mib", "gpu_share", "gpu_types")},
        ),
    }.get(lacks)
    if lacks in dict(shape.resources):
        return f"{dict(shape.resources)[lacks]} {lacks}"
    if lacks == "host":
        return "a host to itself" if shape.whole_host else "a host that others share"
    return needs(only).removeprefix("0 CPU cores and ") if only is not None else needs(shape)


def _sorted(found: Sequence[Outlook]) -> tuple[list[Outlook], list[Outlook], list[Outlook], list[Outlook]]:
    """Those with room, those that are full, those that would do but are away, those that never will."""
    final = [outlook for outlook in found if outlook.is_final]
    away = [outlook for outlook in found if outlook.is_away and not outlook.is_final]
    return [outlook for outlook in found if outlook.fits], [one for one in found if one.is_busy], away, final


def _never(shape: Shape, fits: Sequence[Outlook], busy: Sequence[Outlook]) -> str:
    able = len(fits) + len(busy)
    if able:
        return f"Needs {shape.node_count} hosts at once, but only {able} can ever run it: needs {needs(shape)}"
    return f"No known host can ever run this: needs {needs(shape)}"


def _until_room(shape: Shape, fits: Sequence[Outlook], busy: Sequence[Outlook]) -> str:
    first = soonest_first(busy)[0]
    wanted = asked(shape, first.lacks)
    if shape.node_count > 1:
        wanted = f"{shape.node_count} hosts at once with {wanted} each; {len(fits)} {_have(len(fits))} room now"
    others = len(busy) - 1
    more = f"; {others} more {plural(others, 'host')} {'is' if others == 1 else 'are'} full" if others else ""
    return f"Needs {wanted}; {first.host} {first.reason}{_when(first)}{more}."


def _have(count: int) -> str:
    return "has" if count == 1 else "have"


def _when(outlook: Outlook) -> str:
    if not outlook.after:
        return ""
    if outlook.free_in_seconds is None:
        return f", room when {outlook.after} ends (nobody said how long it runs)"
    return f", room expected in {about(outlook.free_in_seconds)} when {outlook.after} ends"


def _reasons(found: Sequence[Outlook]) -> str:
    """Of hosts that are not even wanted only when there are no others."""
    found = [outlook for outlook in found if outlook.lacks != "target"] or found
    shown = [f"{outlook.host} {outlook.reason}" for outlook in found[:SHOWN]]
    more = len(found) - len(shown)
    return ", ".join(shown) + (f", and {more} more {plural(more, 'host')} likewise" if more > 0 else "")


def _absent(away: Sequence[Outlook]) -> str:
    counts = Counter(outlook.reason.removeprefix("is ") for outlook in away)
    return ", ".join(f"{count} {word}" for word, count in sorted(counts.items())) or "none is active"


def _could(away: Sequence[Outlook]) -> str:
    return ", ".join(f"{outlook.host} could but {outlook.reason}" for outlook in away[:SHOWN])


def _by(holders: Sequence[str]) -> str:
    return f" by {listed(list(dict.fromkeys(holders)))}" if holders else ""
