"""Could a known host ever take a request, were it empty; and if none could, which wish is to blame and what comes
nearest. Pure: hosts in, sentences out. When it could start is not asked here.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches

from tasks.scheduling import capabilities, fit
from tasks.scheduling.explaining import holding_words
from tasks.scheduling.values import Host, Refusal, Shape

_AIMS = {"hosts": 8, "exclude_hosts": 8, "pool": 4, "requires": 2}  # how sure people are of what they name
_SHOWN = 5
_ALIKE = 0.75  # nvlnk and nvlink are, gpu and tpu are not


@dataclass(frozen=True, slots=True)
class Miss:
    """One wish that a host can never meet. `field`: the name of the task's field; `wish`: that wish alone, and for
    cards all that is asked of them."""

    field: str
    wish: Shape
    refusal: Refusal


def misses(shape: Shape, host: Host) -> list[Miss]:
    """Every wish that the host cannot meet even when nobody is on it. A size that it does not know may do."""
    plain = _plain(host)
    found = [
        Miss(field, wish, refusal) for field, wish in _wishes(shape) if (refusal := _never(wish, plain)) is not None
    ]
    return found + _missed_cards(shape, plain)


def _missed_cards(shape: Shape, plain: Host) -> list[Miss]:
    """Only what is wrong first: who has too few cards need not be told that they are too small. That they are only
    parts comes last."""
    cards = _cards_wish(shape)
    as_whole = plain
    if any(card.is_part for card in plain.cards):
        as_whole = replace(plain, cards=[replace(card, is_part=False) for card in plain.cards])
    for field, wish in _of_cards(cards):
        refusal = _never(wish, plain if field == "gpu_share" else as_whole)
        if refusal is not None:
            return [Miss(field, cards, refusal)]
    return []


def blame(shape: Shape, hosts: Sequence[Host], site_total: dict[str, int]) -> dict[str, list[str]]:
    """For each field that is to blame its sentences; empty when enough of the hosts could take the request."""
    short = [
        f"The site has {site_total.get(name, 0)} {name} in all."
        for name, asked in shape.site_resources
        if asked > site_total.get(name, 0)
    ]
    if short:
        return {"resources": short}
    missed = {host.name: misses(shape, host) for host in hosts}
    able = [name for name, lacking in missed.items() if not lacking]
    if len(able) >= shape.node_count:
        return {}
    if able:
        return {"node_count": [_too_few(shape, able)]}
    nearest = min(hosts, key=lambda host: _distance(host, missed[host.name]), default=None)
    return _sentences(nearest, missed[nearest.name], hosts) if nearest else {}


def _plain(host: Host) -> Host:
    """The caller gave the right part of the host, so a reservation makes no difference any more."""
    return replace(host, reservation_id=None) if host.reservation_id is not None else host


def _never(wish: Shape, host: Host) -> Refusal | None:
    """A wish for one thing is refused for good or only for now; who is on the host does not matter."""
    refusal = fit.refusal(wish, host)
    return refusal if refusal is not None and refusal.is_final else None


def _wishes(shape: Shape) -> Iterator[tuple[str, Shape]]:
    """Each wish but those about cards as a shape of its own, under the name of its field."""
    yield "hosts", Shape(hosts=shape.hosts)
    yield "exclude_hosts", Shape(exclude_hosts=shape.exclude_hosts)
    yield "pool", Shape(pool=shape.pool)
    yield "requires", Shape(requires=shape.requires)
    yield "cpu_cores", Shape(cpu_centicores=shape.cpu_centicores)
    yield "memory_mib", Shape(memory_mib=shape.memory_mib)
    yield "disk_mib", Shape(disk_mib=shape.disk_mib)
    for name, asked in shape.resources:
        yield "resources", Shape(resources=((name, asked),))


def _cards_wish(shape: Shape) -> Shape:
    return Shape(
        gpu_count=shape.gpu_count,
        gpu_memory_mib=shape.gpu_memory_mib,
        gpu_share=shape.gpu_share,
        gpu_types=shape.gpu_types,
        gpu_indices=shape.gpu_indices,
    )


def _of_cards(cards: Shape) -> Iterator[tuple[str, Shape]]:
    count = Shape(gpu_count=cards.gpu_count)
    yield "gpu_count", count
    yield "gpu_indices", replace(count, gpu_indices=cards.gpu_indices)
    yield "gpu_types", replace(count, gpu_types=cards.gpu_types)
    yield "gpu_memory", cards
    yield "gpu_share", cards


def _distance(host: Host, lacking: Iterable[Miss]) -> tuple[int, int, float, str]:
    """Hosts that the request names come first, then those that lack the fewest things, then those that lack least."""
    lacking = list(lacking)
    aims = sum(_AIMS.get(miss.field, 0) for miss in lacking)
    return aims, len(lacking), sum(holding_words.gap(miss.field, miss.wish, host) for miss in lacking), host.name


def _sentences(nearest: Host, lacking: Iterable[Miss], hosts: Sequence[Host]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for miss in lacking:
        elsewhere = any(_never(miss.wish, _plain(host)) is None for host in hosts)
        found.setdefault(miss.field, []).append(_sentence(miss, nearest, elsewhere, hosts))
    return found


def _sentence(miss: Miss, nearest: Host, elsewhere: bool, hosts: Sequence[Host]) -> str:
    """`elsewhere`: some host could meet this wish, but not the others."""
    if nearest.reservation_id is not None:
        return _held(miss, nearest)
    if miss.field in _AIMS:
        return _aimed(miss, nearest, elsewhere, hosts)
    rest = " together with all else that is asked for" if elsewhere else ""
    wanted, has = holding_words.wanted(miss.wish), holding_words.has(miss.field, miss.wish, nearest)
    return f"No known host has {wanted}{rest}; the nearest is {nearest.name} with {has}."


def _held(miss: Miss, part: Host) -> str:
    """Of the part of a host that a reservation holds; there is no other one to be compared with it."""
    if miss.field in _AIMS or miss.field == "gpu_share":
        return f"{part.name} {miss.refusal.reason}."
    has, wanted = holding_words.has(miss.field, miss.wish, part), holding_words.wanted(miss.wish)
    return f"{part.name} holds {has}; this asks for {wanted}."


def _aimed(miss: Miss, nearest: Host, elsewhere: bool, hosts: Sequence[Host]) -> str:
    if elsewhere:
        return f"{nearest.name} {miss.refusal.reason}."
    if miss.field == "pool":
        return f"The pool {miss.wish.pool} has no host."
    if miss.field == "requires":
        labels = ", ".join(sorted(nearest.labels))
        return (
            f"No known host has {miss.wish.requires}{_strange(miss.wish.requires, hosts)}; {nearest.name} has {labels}."
        )
    if miss.field == "exclude_hosts":
        return "Every known host is excluded."
    return "None of the hosts asked for is in service."


def _strange(requires: str, hosts: Sequence[Host]) -> str:
    """Labels that no host has are mostly typing errors: what was meant?"""
    known = frozenset[str]().union(*(host.labels for host in hosts))
    strange = sorted(capabilities.names(requires) - known)
    meant = [word for name in strange for word in get_close_matches(name, sorted(known), 1, _ALIKE)]
    return f" (did you mean {', '.join(meant)}?)" if meant else ""


def _too_few(shape: Shape, able: list[str]) -> str:
    shown = ", ".join(sorted(able)[:_SHOWN]) + (" and others" if len(able) > _SHOWN else "")
    return f"Only {len(able)} of the known hosts could each run its part ({shown}); {shape.node_count} are needed."
