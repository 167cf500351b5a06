"""Does a request fit a host, and if not, why. Pure; changes a host only in `book`.

Which hosts are wanted at all is eligibility's, which cards is cards'.
"""

from tasks.scheduling import cards, eligibility
from tasks.scheduling.values import Ending, Held, Host, Refusal, Request, Shape
from tasks.scheduling.wording import cores, cpu_cores, gib

_NAMED = 3  # of those on a host


def refusal(shape: Shape, host: Host) -> Refusal | None:
    """None: it fits now. Otherwise the first thing that is missing, as the rest of a sentence that starts with the
    host."""
    return (
        eligibility.refusal(shape, host)
        or _cpu(shape, host)
        or _size(shape.memory_mib, host.total_memory_mib, host.free_memory_mib, host, "memory")
        or cards.refusal(shape, host)
        or _size(shape.disk_mib, host.total_disk_mib, host.free_disk_mib, host, "disk")
        or _resources(shape, host)
        or _whole(shape, host)
    )


def book(request: Request, host: Host, gpu_ids: tuple[int, ...]) -> None:
    """Take the request's share from what is free, until it is expected to end."""
    shape = request.shape
    held = held_by(shape, host, gpu_ids)
    host.free_centicores -= held.cpu_centicores
    if host.free_memory_mib is not None:
        host.free_memory_mib -= held.memory_mib
    if host.free_disk_mib is not None:
        host.free_disk_mib -= held.disk_mib
    for name, amount in held.resources:
        host.free_resources[name] -= amount
    cards.book(shape, host, gpu_ids)
    host.holders += 1
    host.whole_held = host.whole_held or shape.whole_host
    host.endings.append(Ending(request.seconds, held, f"#{request.id}"))


def held_by(shape: Shape, host: Host, gpu_ids: tuple[int, ...]) -> Held:
    """What a request that gets these cards takes from the host: all of it, if it wants the whole host."""
    if shape.whole_host:
        return Held(
            cpu_centicores=host.total_centicores,
            memory_mib=host.total_memory_mib or 0,
            disk_mib=max(shape.disk_mib, host.free_disk_mib or 0),
            resources=tuple(sorted(host.total_resources.items())),
            gpus=cards.as_a_whole(host, gpu_ids),
            whole_host=True,
        )
    part = shape.gpu_memory_mib if shape.gpu_share else None
    return Held(
        cpu_centicores=shape.cpu_centicores,
        memory_mib=shape.memory_mib,
        disk_mib=shape.disk_mib,
        resources=shape.resources,
        gpus=tuple((gpu_id, part) for gpu_id in gpu_ids),
    )


def _cpu(shape: Shape, host: Host) -> Refusal | None:
    asked = shape.cpu_centicores
    if asked <= host.free_centicores:
        return None
    if asked > host.total_centicores:
        return Refusal(host.name, f"has {cpu_cores(host.total_centicores)} in all", is_final=True, lacks="cpu")
    free = cores(max(0, host.free_centicores))
    reason = f"has {free} of {cores(host.total_centicores)} CPU cores free"
    return Refusal(host.name, reason, is_final=False, lacks="cpu")


def _size(asked: int, total: int | None, free: int | None, host: Host, what: str) -> Refusal | None:
    if asked == 0:
        return None
    if free is None or total is None:
        return Refusal(host.name, f"does not know its {what}", is_final=False, lacks=what)
    if asked <= free:
        return None
    if asked > total:
        return Refusal(host.name, f"has {gib(total)} of {what} in all", is_final=True, lacks=what)
    outside = host.foreign_memory_mib if what == "memory" else 0
    used = f" ({gib(outside)} used by processes outside Nightshift)" if asked <= free + outside else ""
    return Refusal(host.name, f"has {gib(max(0, free))} of {what} free{used}", is_final=False, lacks=what)


def _resources(shape: Shape, host: Host) -> Refusal | None:
    for name, asked in shape.resources:
        total, free = host.total_resources.get(name, 0), host.free_resources.get(name, 0)
        if asked > total:
            reason = f"has {total} {name} in all" if total else f"has no {name}"
            return Refusal(host.name, reason, is_final=True, lacks=name)
        if asked > free:
            return Refusal(host.name, f"has {free} of {total} {name} free", is_final=False, lacks=name)
    return None


def _whole(shape: Shape, host: Host) -> Refusal | None:
    if host.whole_held:
        return Refusal(host.name, "is held as a whole", is_final=False, lacks="host")
    if shape.whole_host and host.holders:
        return Refusal(host.name, f"is in use{_by(host)}", is_final=False, lacks="host")
    return None


def _by(host: Host) -> str:
    names = sorted({ending.holder for ending in host.endings if ending.holder})
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return " by " + ", ".join(names[:_NAMED]) + more if names else ""
