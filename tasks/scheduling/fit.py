"""Does a request fit a host, on which cards, and if not, why. Pure; changes a host only in `book`."""

from tasks.scheduling.values import Card, Host, Refusal, Request


def refusal(request: Request, host: Host) -> Refusal | None:
    """None: it fits now. Otherwise the first thing that is missing,
    as the rest of a sentence that starts with the host."""
    return _cpu(request, host) or _memory(request, host) or _gpus(request, host)


def choose_cards(request: Request, host: Host) -> tuple[int, ...]:
    """The cards for a request that fits: the smallest that do for whole cards, the fullest that do for shared ones."""
    fitting = [card for card in host.cards if _card_fits(request, card)]
    fitting.sort(key=lambda card: (card.free_mib if card.free_mib is not None else 0, card.index))
    return tuple(card.gpu_id for card in fitting[: request.gpu_count])


def book(request: Request, host: Host, gpu_ids: tuple[int, ...]) -> None:
    """Take the request's share from what is free."""
    host.free_centicores -= request.cpu_centicores
    if host.free_memory_mib is not None:
        host.free_memory_mib -= request.memory_mib
    for card in host.cards:
        if card.gpu_id in gpu_ids:
            card.holders += 1
            if card.free_mib is not None:
                card.free_mib = card.free_mib - request.gpu_memory_mib if request.gpu_share else 0


def _cpu(request: Request, host: Host) -> Refusal | None:
    asked = request.cpu_centicores
    if asked <= host.free_centicores:
        return None
    if asked > host.total_centicores:
        return Refusal(host.name, f"has {_cores(host.total_centicores)} CPU cores in all", is_final=True)
    free = _cores(max(0, host.free_centicores))
    return Refusal(host.name, f"has {free} of {_cores(host.total_centicores)} CPU cores free", is_final=False)


def _memory(request: Request, host: Host) -> Refusal | None:
    if request.memory_mib == 0:
        return None
    if host.free_memory_mib is None or host.total_memory_mib is None:
        return Refusal(host.name, "does not know its memory", is_final=False)
    if request.memory_mib <= host.free_memory_mib:
        return None
    if request.memory_mib > host.total_memory_mib:
        return Refusal(host.name, f"has {_gib(host.total_memory_mib)} of memory in all", is_final=True)
    return Refusal(host.name, f"has {_gib(max(0, host.free_memory_mib))} of memory free", is_final=False)


def _gpus(request: Request, host: Host) -> Refusal | None:
    if request.gpu_count == 0:
        return None
    fitting = sum(_card_fits(request, card) for card in host.cards)
    if fitting >= request.gpu_count:
        return None
    able = sum(_card_could(request, card) for card in host.cards)
    if able < request.gpu_count:
        return Refusal(host.name, _too_few(request, host, able), is_final=True)
    return Refusal(host.name, f"has {fitting} such {_plural(fitting)} free", is_final=False)


def _too_few(request: Request, host: Host, able: int) -> str:
    if not host.cards:
        return "has no GPU"
    if able == len(host.cards):
        return f"has {len(host.cards)} {_plural(len(host.cards))} in all"
    return f"has {able} {_plural(able)} with {_gib(request.gpu_memory_mib)}"


def _card_fits(request: Request, card: Card) -> bool:
    if not _card_could(request, card):
        return False
    if request.gpu_share:
        return card.free_mib is not None and card.free_mib >= request.gpu_memory_mib
    return card.is_idle


def _card_could(request: Request, card: Card) -> bool:
    """Whether the card would do if it were idle. A share needs a known size; so does a minimum."""
    if request.gpu_memory_mib == 0 and not request.gpu_share:
        return True
    return card.total_mib is not None and card.total_mib >= max(1, request.gpu_memory_mib)


def _cores(centicores: int) -> str:
    return f"{centicores / 100:g}"


def _gib(mib: int) -> str:
    return f"{mib / 1024:.3g} GiB"


def _plural(count: int) -> str:
    return "GPU" if count == 1 else "GPUs"
