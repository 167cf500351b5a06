"""Which cards of a host a request gets, and why there are too few. Pure; changes a card only in `book`."""

import re
from functools import lru_cache

from tasks.scheduling.values import Card, Host, Refusal, Shape
from tasks.scheduling.wording import gib, plural

_WORDS = re.compile(r"[a-z0-9]+")


def refusal(shape: Shape, host: Host) -> Refusal | None:
    if shape.gpu_count == 0:
        return None
    fitting = sum(fits(shape, card) for card in host.cards)
    if fitting >= shape.gpu_count:
        return None
    able = sum(could(shape, card) for card in host.cards)
    if able < shape.gpu_count:
        return Refusal(host.name, _too_few(shape, host, able), is_final=True, lacks="gpu")
    return Refusal(host.name, _taken(shape, host, fitting), is_final=False, lacks="gpu")


def choose(shape: Shape, host: Host) -> tuple[int, ...]:
    """For a request that fits: the smallest cards that do for whole ones, the fullest that do for shared ones; with the
    whole host, all that are idle or would do."""
    if shape.whole_host:
        able = (card for card in host.cards if card.is_idle or (shape.gpu_count and fits(shape, card)))
        return tuple(card.gpu_id for card in able)
    fitting = [card for card in host.cards if fits(shape, card)]
    fitting.sort(key=lambda card: (card.free_mib if card.free_mib is not None else 0, card.index))
    return tuple(card.gpu_id for card in fitting[: shape.gpu_count])


def book(shape: Shape, host: Host, gpu_ids: tuple[int, ...]) -> None:
    for card in host.cards:
        if card.gpu_id in gpu_ids:
            card.holders += 1
            is_part = shape.gpu_share and not shape.whole_host
            card.settles = card.settles or (is_part and card.has_start_hold)
            if card.free_mib is not None:
                card.free_mib = card.free_mib - shape.gpu_memory_mib if is_part else 0


def as_a_whole(host: Host, gpu_ids: tuple[int, ...]) -> tuple[tuple[int, int | None], ...]:
    """What somebody who has the host to himself holds of these cards: of one that a reservation holds in part, that
    part."""
    return tuple(
        (card.gpu_id, card.total_mib if card.is_part else None) for card in host.cards if card.gpu_id in gpu_ids
    )


def fits(shape: Shape, card: Card) -> bool:
    """Whether the request can have the card, or its part of it, now."""
    if not could(shape, card):
        return False
    if shape.gpu_share:
        return not card.settles and card.free_mib is not None and card.free_mib >= shape.gpu_memory_mib
    return card.is_idle


def could(shape: Shape, card: Card) -> bool:
    """Whether the card would do if it were idle. A share needs a known size; so does a minimum."""
    if shape.gpu_indices and card.index not in shape.gpu_indices:
        return False
    if card.is_part and not shape.gpu_share:
        return False
    if shape.gpu_types and not any(is_of_type(card.name, word) for word in shape.gpu_types):
        return False
    if shape.gpu_memory_mib == 0 and not shape.gpu_share:
        return True
    return card.total_mib is not None and card.total_mib >= max(1, shape.gpu_memory_mib)


@lru_cache(maxsize=4096)
def is_of_type(name: str, word: str) -> bool:
    """Whether `word` names whole words of a card's name: a100 and rtx4090 do, a10 is no A100."""
    words, wanted = _WORDS.findall(name.lower()), "".join(_WORDS.findall(word.lower()))
    starts = range(len(words))
    return bool(wanted) and any("".join(words[first : last + 1]) == wanted for first in starts for last in starts)


def _too_few(shape: Shape, host: Host, able: int) -> str:
    if not host.cards:
        return "has no GPU"
    if not shape.gpu_share and any(card.is_part for card in host.cards):
        return "holds only part of a GPU"
    if able == len(host.cards):
        return f"has {len(host.cards)} {plural(len(host.cards), 'GPU')} in all"
    return f"has {able} {plural(able, 'GPU')} {_described(shape)}"


def _described(shape: Shape) -> str:
    kinds = []
    if shape.gpu_indices:
        kinds.append(f"numbered {', '.join(map(str, shape.gpu_indices))}")
    if shape.gpu_types:
        kinds.append(f"of type {' or '.join(shape.gpu_types)}")
    if shape.gpu_memory_mib:
        kinds.append(f"with {gib(shape.gpu_memory_mib)}")
    return " ".join(kinds)


def _taken(shape: Shape, host: Host, fitting: int) -> str:
    text = f"has {fitting} such {plural(fitting, 'GPU')} free"
    if shape.gpu_indices:
        text = f"has GPU {' and '.join(str(card.index) for card in host.cards if _is_full(shape, card))} in use"
    outside = [card.index for card in host.cards if could(shape, card) and _is_taken_outside(shape, card)]
    if outside:
        text += f" (GPU {', '.join(map(str, outside))} used by processes outside Nightshift)"
    settling = [card.index for card in host.cards if shape.gpu_share and could(shape, card) and card.settles]
    if settling:
        text += f" (GPU {', '.join(map(str, settling))}: a task started there a moment ago, its memory is not seen yet)"
    return text


def _is_full(shape: Shape, card: Card) -> bool:
    return could(shape, card) and not fits(shape, card)


def _is_taken_outside(shape: Shape, card: Card) -> bool:
    """Whether it would be free but for what others use of it."""
    if shape.gpu_share:
        return card.free_mib is not None and card.free_mib < shape.gpu_memory_mib <= card.free_mib + card.foreign_mib
    return card.holders == 0 and not card.is_idle
